/** Bearer tokens: what can be sent as one. A token is never part of a message. */
import { MrpoError } from '../core/errors.js';

/** Throws code `usage` for a token that cannot be sent in a header, and says why without showing it. */
export function checkToken(token: string): void {
  if (/^[!-~]([ -~]*[!-~])?$/.test(token)) return;
  throw new MrpoError('usage', `token: ${whyNot(token)}; expected letters, digits and signs of ASCII`, {
    hint: 'Look at MRPO_TOKEN, or at the file it was read from.',
  });
}

function whyNot(token: string): string {
  if (token === '') return 'it is empty';
  if (/[^\x00-\x7f]/.test(token)) return 'it has a character beyond ASCII';
  if (token !== token.trim()) return 'it begins or ends with a space or a line end';
  return 'it has a control character';
}
