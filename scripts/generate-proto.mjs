#!/usr/bin/env node
/**
 * Protocol code from proto/: TypeScript (ts-proto) into src/gen, Python into py_backend/gen, and of the runs service into
 * the Python client. All are committed.
 *
 *   node scripts/generate-proto.mjs           writes them
 *   node scripts/generate-proto.mjs --check   writes nothing; exit code 1 and a list when they are not what proto/ gives
 *
 * protoc and its TypeScript plugin come from npm; nothing else is needed.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const protoFolder = join(root, 'proto');
const protocFolder = dirname(createRequire(import.meta.url).resolve('protoc/package.json'));
const outputs = {
  typescript: join('src', 'gen'),
  python: join('py_backend', 'gen'),
  client: join('clients', 'python', 'mrpo_client', 'gen'),
};

/** Exactly two outputServices: with three, ts-proto 2.18 emits only the last. */
const TS_PROTO_OPTIONS = [
  'esModuleInterop=true',
  'env=node',
  'importSuffix=.js',
  'outputServices=grpc-js',
  'outputServices=generic-definitions',
  'oneof=unions-value',
  'forceLong=number',
  'enumsAsLiterals=true',
  'unrecognizedEnum=false',
  'useExactTypes=false',
  'exportCommonSymbols=false',
  'outputJsonMethods=false',
].join(',');

/** Files below a folder with an ending, as paths relative to it, sorted. */
function filesUnder(folder, ending) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) =>
      relative(folder, join(entry.parentPath ?? entry.path, entry.name))
        .split(sep)
        .join('/'),
    )
    .sort();
}

function protoc(...args) {
  const bin = join(root, 'node_modules', '.bin');
  execFileSync(
    process.execPath,
    [join(protocFolder, 'protoc.cjs'), '-I', protoFolder, '-I', join(protocFolder, 'include'), ...args],
    { stdio: 'inherit', env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` } },
  );
}

/** Generates everything below `target`, in the layout of the project. */
function generate(target) {
  const protos = filesUnder(protoFolder, '.proto');
  const typescript = join(target, outputs.typescript);
  const python = join(target, outputs.python);
  const client = join(target, outputs.client);
  for (const folder of [typescript, python, client]) mkdirSync(folder, { recursive: true });
  protoc(`--ts_proto_out=${typescript}`, `--ts_proto_opt=${TS_PROTO_OPTIONS}`, ...protos);
  writeDescriptors(join(typescript, 'descriptors.ts'));
  protoc(`--python_out=${python}`, `--pyi_out=${python}`, ...protos);
  makePackage(python, 'py_backend.gen');
  protoc(`--python_out=${client}`, `--pyi_out=${client}`, ...protos.filter((path) => path.startsWith('mrpo/runs/')));
  makePackage(client, 'mrpo_client.gen');
}

/** The runs service's protocol as protoc sees it, for reflection: what other libraries make of a .proto is not exact. */
function writeDescriptors(path) {
  const set = `${path}.binpb`;
  protoc('--include_imports', `--descriptor_set_out=${set}`, 'mrpo/runs/v1/runs.proto');
  const base64 = readFileSync(set).toString('base64');
  rmSync(set);
  const comment = '/** A google.protobuf.FileDescriptorSet, base64: mrpo/runs/v1/runs.proto and all it imports. */';
  writeFileSync(path, `${comment}\nexport const RUNS_DESCRIPTORS =\n  '${base64}';\n`);
}

/** protoc imports siblings from the root of the .proto tree; here that root is a package. */
function makePackage(python, name) {
  for (const path of [...filesUnder(python, '.py'), ...filesUnder(python, '.pyi')]) {
    const text = readFileSync(join(python, path), 'utf8');
    writeFileSync(join(python, path), text.replace(/^from mrpo\./gm, `from ${name}.mrpo.`));
  }
  const packages = new Set(['.']);
  for (const path of filesUnder(python, '.py')) {
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) packages.add(folder);
  }
  for (const folder of packages) writeFileSync(join(python, folder, '__init__.py'), '');
}

/** Paths that differ between the generated tree and the committed one: changed, missing, or left over. */
function differences(fresh) {
  const isGenerated = (path) => !path.includes('__pycache__');
  return Object.values(outputs).flatMap((output) => {
    const [wanted, present] = [join(fresh, output), join(root, output)].map((folder) =>
      filesUnder(folder, '').filter(isGenerated),
    );
    return [...new Set([...wanted, ...present])]
      .filter((path) => {
        const [a, b] = [join(fresh, output, path), join(root, output, path)];
        return !existsSync(a) || !existsSync(b) || !readFileSync(a).equals(readFileSync(b));
      })
      .map((path) => `${output}/${path}`);
  });
}

if (process.argv.includes('--check')) {
  const fresh = mkdtempSync(join(tmpdir(), 'mrpo-proto-'));
  try {
    generate(fresh);
    const stale = differences(fresh);
    if (stale.length > 0) {
      console.error(`generated protocol code is not what proto/ gives:\n  ${stale.join('\n  ')}`);
      console.error('Run: node scripts/generate-proto.mjs');
      process.exitCode = 1;
    }
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
} else {
  for (const output of Object.values(outputs)) rmSync(join(root, output), { recursive: true, force: true });
  generate(root);
}
