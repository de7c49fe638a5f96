/** Log-probs that are not finite end a run, with the name of the row they came from. */
import { MrpoError } from '../core/errors.js';
import { SIDES, type Sides } from '../core/sides.js';

/**
 * Throws unless both log-probs of a pair are finite.
 * @param name The pair, as the user knows it.
 * @param model Whose log-probs they are: "the policy", "reference gemma".
 */
export function requireFinite(name: string, model: string, logps: Sides<number>): void {
  for (const side of SIDES) {
    const logp = logps[side];
    if (Number.isFinite(logp)) continue;
    throw new MrpoError(
      'data',
      `${name}: the log-prob of the ${side} response under ${model} is ${logp}; expected a finite number`,
      {
        hint: 'Look at this row; if its text is ordinary, the model overflows: lower training.learning_rate, or set dtype to float32 or bfloat16.',
        details: { row: name, side, model, logp },
      },
    );
  }
}
