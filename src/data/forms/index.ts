/**
 * Every form of rows that is understood. A new one is a file beside this and a line here; of the forms that recognise
 * a row, the first in this list reads it, so the more particular ones come first.
 */
import type { Form } from './form.js';
import { question } from './question.js';
import { shareGpt } from './sharegpt.js';
import { trlConversational } from './trl-conversational.js';
import { trlImplicit } from './trl-implicit.js';
import { trlStandard } from './trl-standard.js';

export type { AnswerForm, Form, FormContext, RowForm } from './form.js';

export const FORMS: readonly Form[] = [shareGpt, trlConversational, question, trlStandard, trlImplicit];

export const formNames = (): string[] => FORMS.map((form) => form.name);
