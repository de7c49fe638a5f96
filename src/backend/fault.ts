/** What a backend refuses or fails at, with the reason a program can branch on. */
import { MrpoError, type MrpoErrorOptions } from '../core/errors.js';

/** Why a backend refused or failed; for programs to branch on. */
export type FaultReason =
  | 'model_not_found'
  | 'model_invalid'
  | 'chat_template_missing'
  | 'unknown_handle'
  | 'row_invalid'
  | 'target_modules_unmatched'
  | 'out_of_memory' // nothing was applied: replay the step with smaller micro-batches
  | 'step_conflict' // the frame does not fit the open step; nothing was applied
  | 'unsupported'
  | 'path_refused'
  | 'dataset_not_found'
  | 'checkpoint_invalid' // damaged, or of another policy; nothing was loaded
  | 'export_differs' // what was written is not the policy in memory; it was not kept
  | 'trainer_lost' // an update failed half-way: only a checkpoint helps
  | 'stream_ended' // the training stream broke off; the trainer may still be there: reopen it
  | 'unreachable' // no backend answers at the address
  | 'unauthenticated'
  | 'protocol' // another protocol version, or frames that make no sense
  | 'died' // the backend process ended; the message holds its last log lines
  | 'failed'; // anything else that went wrong over there

/** Reasons that are the user's input and not a failure of the machine. */
const MODEL_REASONS: ReadonlySet<FaultReason> = new Set([
  'model_not_found',
  'model_invalid',
  'chat_template_missing',
  'target_modules_unmatched',
]);

/**
 * Everything that goes wrong in or on the way to a backend. Its code is `model` where the user's model is the cause,
 * else `backend`.
 */
export class BackendFault extends MrpoError {
  override readonly name = 'BackendFault';
  readonly reason: FaultReason;

  constructor(reason: FaultReason, message: string, options: MrpoErrorOptions = {}) {
    super(MODEL_REASONS.has(reason) ? 'model' : 'backend', message, options);
    this.reason = reason;
  }
}
