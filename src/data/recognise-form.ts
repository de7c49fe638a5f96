/** Which form do these rows have? By their fields and types; a forced name is only checked to exist. */
import { distance } from 'fastest-levenshtein';

import { MrpoError } from '../core/errors.js';
import type { Row } from './fields.js';
import type { Form } from './forms/form.js';

/**
 * @param sample at least one row.
 * @throws MrpoError `data` if the forced name is unknown, or no form has the fields of any of the rows.
 */
export function recogniseForm(source: string, format: string, sample: readonly Row[], forms: readonly Form[]): Form {
  if (format !== 'auto') return forcedForm(format, forms);
  const recognised = bestBy(forms, (form) => sample.filter((row) => form.recognises(row)).length);
  if (recognised !== undefined) return recognised;
  // Right fields, wrong types in every row: the form is clear, and its reader says what is wrong with each row.
  const byFields = bestBy(forms, (form) => sample.filter((row) => form.fields.every((field) => field in row)).length);
  if (byFields !== undefined) return byFields;
  const fields =
    Object.keys(sample[0] ?? {})
      .slice(0, 12)
      .join(', ') || 'no fields';
  throw new MrpoError('data', `${source}: rows of no known form: they have ${fields}`, {
    hint: `Known forms: ${forms.map((form) => form.name).join(', ')}. Other column names can be mapped with data.columns.`,
    details: { fields: Object.keys(sample[0] ?? {}) },
  });
}

function forcedForm(format: string, forms: readonly Form[]): Form {
  const form = forms.find(({ name }) => name === format);
  if (form !== undefined) return form;
  const names = forms.map(({ name }) => name);
  const nearest = [...names].sort((a, b) => distance(format, a) - distance(format, b))[0];
  throw new MrpoError('config', `data.format: expected auto | ${names.join(' | ')}, got ${JSON.stringify(format)}`, {
    hint: `Did you mean ${JSON.stringify(nearest)}?`,
  });
}

/** The form with the highest count above 0; of equals the first. */
function bestBy(forms: readonly Form[], count: (form: Form) => number): Form | undefined {
  let best: Form | undefined;
  let most = 0;
  for (const form of forms) {
    const here = count(form);
    if (here > most) [best, most] = [form, here];
  }
  return best;
}
