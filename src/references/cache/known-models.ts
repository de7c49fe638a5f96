/**
 * What is remembered of models: which content a model had while its files looked as they do now. Reports read it, so
 * that they need neither a backend nor a GPU; scoring never trusts it and asks the backend.
 */
import type { ModelIdentity, ModelSpec } from '../../backend/backend.js';
import { canonicalJson } from '../../core/hash.js';
import type { CacheDatabase } from './database.js';

/** A model as it was asked for, and the content it had. */
export interface KnownModel {
  readonly spec: ModelSpec;
  /** See {@link ../model-files.js}; empty where the files are not on this machine. */
  readonly files: string;
  readonly identity: ModelIdentity;
}

interface StoredModel {
  readonly spec: string;
  readonly files: string;
  readonly weights: string;
  readonly tokenizer: string;
  readonly chat_template: string;
  readonly numeric_path: string;
  readonly revision: string;
}

/** Notes a model's identity; in the caller's transaction. */
export function rememberModel(database: CacheDatabase, model: KnownModel, imported: boolean): void {
  const { identity } = model;
  database
    .prepare(
      // A model without files that was imported stays one, also when a backend elsewhere has named it since.
      `INSERT INTO known_models
       (spec, files, weights, tokenizer, chat_template, numeric_path, revision, imported, seen_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET weights = excluded.weights, tokenizer = excluded.tokenizer,
         chat_template = excluded.chat_template, revision = excluded.revision,
         imported = MAX(imported, excluded.imported), seen_ms = excluded.seen_ms`,
    )
    .run(
      specText(model.spec),
      model.files,
      identity.weights,
      identity.tokenizer,
      identity.chatTemplate,
      identity.numericPath,
      identity.revision,
      imported ? 1 : 0,
      Date.now(),
    );
}

/** The identity noted last for this specification and these files. */
export function recallModel(database: CacheDatabase, spec: ModelSpec, files: string): ModelIdentity | undefined {
  const row = database
    .prepare('SELECT * FROM known_models WHERE spec = ? AND files = ? AND imported = 0 ORDER BY seen_ms DESC LIMIT 1')
    .get(specText(spec), files) as StoredModel | undefined;
  return row && identityOf(row);
}

/** Models that other machines scored, newest first: how they were asked for and what they were. */
export function importedModels(database: CacheDatabase): KnownModel[] {
  const rows = database.prepare('SELECT * FROM known_models WHERE imported = 1 ORDER BY seen_ms DESC').all();
  return (rows as StoredModel[]).map(toKnownModel);
}

/** Everything remembered, for an export. */
export function allKnownModels(database: CacheDatabase): KnownModel[] {
  return (database.prepare('SELECT * FROM known_models ORDER BY seen_ms').all() as StoredModel[]).map(toKnownModel);
}

const specText = (spec: ModelSpec): string => canonicalJson(spec);

const toKnownModel = (row: StoredModel): KnownModel => ({
  spec: JSON.parse(row.spec) as ModelSpec,
  files: row.files,
  identity: identityOf(row),
});

const identityOf = (row: StoredModel): ModelIdentity => ({
  weights: row.weights,
  tokenizer: row.tokenizer,
  chatTemplate: row.chat_template,
  numericPath: row.numeric_path,
  revision: row.revision,
});
