/** Reading back the JSON state of a weighting: what a checkpoint holds is checked before it is believed. */
import { MrpoError } from '../../core/errors.js';

/** Member `name` of a state object: a list of `length` finite numbers, or undefined where it is null. */
export function numberList(state: unknown, name: string, length: number): number[] | undefined {
  const value = member(state, name);
  if (value === null) return undefined;
  if (!isNumberList(value) || value.length !== length) {
    throw badState(`${name}: expected ${length} numbers or null, got ${JSON.stringify(value)}`);
  }
  return [...value];
}

/** Member `name` of a state object, whatever it is. */
export function member(state: unknown, name: string): unknown {
  if (typeof state !== 'object' || state === null || !Object.hasOwn(state, name)) {
    throw badState(`expected an object with the key ${name}, got ${JSON.stringify(state)}`);
  }
  return (state as Record<string, unknown>)[name];
}

/** Whether a value is a list of finite numbers; an empty one is. */
export function isNumberList(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'number' && Number.isFinite(item));
}

/** The `data` error for a state that does not fit the objective. @param what What was expected and got. */
export function badState(what: string): MrpoError {
  return new MrpoError('data', `state of the objective cannot be restored: ${what}`, {
    hint: 'The checkpoint was written with another objective or number of references, or is damaged.',
  });
}
