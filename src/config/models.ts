/** Which model each part of a configuration means, in the words of the backend's seam. */
import { basename } from 'node:path';

import type { PolicyConfig, ReferenceConfig, RunConfig } from './schema.js';

/** A model as the backend takes it (the seam's `ModelSpec`), said here so that configuration knows no backend. */
export interface ModelSource {
  readonly source: string;
  readonly revision: string | undefined;
  readonly adapter: string | undefined;
  readonly quantization: PolicyConfig['quantization'];
  readonly dtype: PolicyConfig['dtype'];
  readonly chatTemplate: string | undefined;
  readonly tokenizer?: string;
  readonly tokenizerRevision?: string | undefined;
}

/** The `model` of a reference that is the policy as it starts. */
export const POLICY_AS_REFERENCE = 'policy';

/** Whether a reference is the policy as it starts (RefM1): scored with the trained adapter off, no second copy. */
export const isPolicyReference = (reference: ReferenceConfig): boolean => reference.model === POLICY_AS_REFERENCE;

/** Name of a reference in reports and file names: its own, else the last part of its model path. */
export function referenceName(reference: { readonly name?: string | undefined; readonly model: string }): string {
  if (reference.name !== undefined) return reference.name;
  const last = basename(reference.model.replace(/[/\\]+$/, '')).replace(/\.gguf$/i, '');
  return last.replace(/[^\w.-]/g, '-') || 'reference';
}

/** The policy as it starts, before any training. */
export const policyModelSpec = (config: Pick<RunConfig, 'policy'>): ModelSource => modelSpec(config.policy);

/** The model that a reference is scored with. */
export function referenceModelSpec(config: Pick<RunConfig, 'policy'>, reference: ReferenceConfig): ModelSource {
  if (isPolicyReference(reference)) return policyModelSpec(config);
  const spec = modelSpec(reference);
  if (reference.token_ids === 'own') return spec;
  const { model: tokenizer, revision: tokenizerRevision, chat_template: template } = config.policy;
  return { ...spec, chatTemplate: spec.chatTemplate ?? template, tokenizer, tokenizerRevision };
}

function modelSpec(model: PolicyConfig | ReferenceConfig): ModelSource {
  return {
    source: model.model,
    revision: model.revision,
    adapter: model.adapter,
    quantization: model.quantization,
    dtype: model.dtype,
    chatTemplate: model.chat_template,
  };
}
