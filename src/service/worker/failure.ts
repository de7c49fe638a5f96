/** What a run has failed with, by whose turn it is and whether another try makes sense. */
import { BackendFault } from '../../backend/fault.js';
import type { ErrorCode, MrpoError } from '../../core/errors.js';
import type { Failure, FailureClass } from '../journal/line.js';
import { DoesNotFit } from './plan-check.js';

const CLASSES: Readonly<Record<ErrorCode, FailureClass>> = {
  usage: 'USER',
  config: 'USER',
  model: 'USER',
  data: 'DATA',
  backend: 'BACKEND',
  environment: 'RESOURCE',
  aborted: 'USER',
  internal: 'CONTROL_PLANE',
};

/** What of a backend is the caller's to mend. */
const USERS_REASONS: readonly string[] = ['row_invalid', 'unsupported', 'path_refused', 'dataset_not_found'];

/** The failure that an error stands for. Failures of backend and resources may be retried. */
export function failureOfError(error: MrpoError): Failure {
  const reason = reasonOf(error);
  const kind = classOf(error, reason);
  const { message } = error;
  const hint = hintForCaller(error.hint);
  const retryable = kind === 'BACKEND' || (kind === 'RESOURCE' && reason !== 'does_not_fit');
  return { class: kind, reason, message, hint, retryable, code: error.code };
}

/** Variables, commands and folders of the machine that the service and its backends run on. */
const OF_THE_MACHINE = /\bMRPO_[A-Z_]+\b|"mrpo backend|mrpo export|npm run/;

/** A hint that is meant for whoever runs the command, as a caller reads it who has only the service. */
export const hintForCaller = (hint: string | undefined): string | undefined =>
  hint !== undefined && OF_THE_MACHINE.test(hint) ? `On the machine of the service: ${hint}` : hint;

function reasonOf(error: MrpoError): string {
  if (error instanceof DoesNotFit) return 'does_not_fit';
  return error instanceof BackendFault ? error.reason : error.code;
}

function classOf(error: MrpoError, reason: string): FailureClass {
  if (reason === 'out_of_memory') return 'RESOURCE';
  return USERS_REASONS.includes(reason) ? 'USER' : CLASSES[error.code];
}
