import { readdirSync } from 'node:fs';
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript';
import importX from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/**
 * The rooms of src, lowest first. A room may import from the rows above it in this list, never from a row below or
 * from a neighbour in its own row. Adding a room means adding it here.
 */
const LAYERS = [
  ['core'],
  ['math'],
  ['config', 'rpc'],
  ['data', 'backend', 'objectives'],
  ['training', 'references', 'planning', 'trackers', 'tasks'],
  ['store'],
  ['reports'],
  ['runs'],
  ['sdk', 'experiments', 'service'],
  ['page'],
  ['cli'],
];

/** Generated protocol code is for wire code only. */
const MAY_USE_GEN = ['rpc', 'backend', 'service'];

const rooms = readdirSync(new URL('./src', import.meta.url), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);
const layerOf = (room) => LAYERS.findIndex((layer) => layer.includes(room));

const unplaced = rooms.filter((room) => room !== 'gen' && layerOf(room) < 0);
if (unplaced.length > 0)
  throw new Error(`eslint.config.js: give these rooms of src a place in LAYERS: ${unplaced.join(', ')}`);

const zones = [
  ...rooms
    .filter((room) => room !== 'gen')
    .map((room) => ({
      target: `./src/${room}`,
      from: [
        './src/index.ts',
        ...rooms
          .filter((other) => other !== room && other !== 'gen' && layerOf(other) >= layerOf(room))
          .map((other) => `./src/${other}`),
        ...(MAY_USE_GEN.includes(room) || !rooms.includes('gen') ? [] : ['./src/gen']),
      ],
      message: 'Imports go one way; see LAYERS in eslint.config.js.',
    })),
  { target: './src', from: ['./test', './bench', './examples'], message: 'The product does not know its tests.' },
  // Examples show what a user can write: the public names only.
  { target: './examples', from: './src', except: ['./index.ts', './math/index.ts'], message: "Import from 'mrpo'." },
];

/** Requires a doc comment on whatever a file exports: editors show it wherever the name is used. */
const documentedExports = {
  meta: {
    type: 'suggestion',
    schema: [],
    messages: { missing: 'Say in a doc comment what it is, its shapes and units.' },
  },
  create: (context) => ({
    ExportNamedDeclaration(node) {
      const comment = context.sourceCode.getCommentsBefore(node).at(-1);
      const isDoc = comment?.type === 'Block' && comment.value.startsWith('*');
      if (node.declaration && !isDoc) context.report({ node: node.declaration, messageId: 'missing' });
    },
  }),
};

export default tseslint.config(
  { ignores: ['node_modules/', 'dist/', '.venv/', '.cache/', 'src/gen/', 'runs/', 'coverage/', 'reports/', 'shared/'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    plugins: { 'import-x': importX },
    settings: { 'import-x/resolver-next': [createTypeScriptImportResolver({ project: './tsconfig.json' })] },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // Objects here are made by factories and never use `this`, so their methods may be passed around.
      '@typescript-eslint/unbound-method': 'off',
      // An async function without await is how an interface of promises is implemented in memory.
      '@typescript-eslint/require-await': 'off',
      'import-x/no-restricted-paths': ['error', { basePath: import.meta.dirname, zones }],
      'import-x/no-cycle': 'error',
      eqeqeq: 'error',
      'no-restricted-imports': [
        'error',
        {
          paths: [{ name: 'pythonia', message: 'Importing it starts Python: use await import() where it is needed.' }],
        },
      ],
    },
  },
  {
    files: ['src/**/*.ts'],
    plugins: { mrpo: { rules: { 'documented-exports': documentedExports } } },
    rules: {
      'mrpo/documented-exports': 'error',
      // Of code: a comment that says shapes and units is no reason to cut a file.
      'max-lines': ['error', { max: 400, skipComments: true }],
      'import-x/no-default-export': 'error',
      'no-restricted-syntax': [
        'error',
        {
          // A list may be longer than the call stack; a file of 200,000 rows is nothing special.
          selector:
            'CallExpression[callee.property.name=/^(push|unshift|splice|max|min|fromCharCode)$/] > SpreadElement',
          message: 'Spreads a list into arguments: use largest or smallest of core/extremes, or a loop.',
        },
      ],
    },
  },
  {
    // Tests look into parsed JSON and into values of every shape.
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    extends: [tseslint.configs.recommended],
    plugins: { 'import-x': importX },
    rules: { eqeqeq: 'error' },
  },
);
