import { splitMessages } from '../common-prefix.js';
import { isText, optionalText, textField, withSystem } from '../fields.js';
import { looksLikeTranscript, transcriptMessages } from '../transcript.js';
import type { RowFormat } from './format.js';

/** HH-RLHF: two whole dialogues as text, which share everything but the last reply. */
export const hhTranscript: RowFormat = {
  name: 'hh-transcript',
  summary: '{chosen, rejected}: dialogues "Human: ... Assistant: ..." as text (HH-RLHF)',
  fields: ['chosen', 'rejected'],
  note: () => '"Human:" and "Assistant:" marks are turned into chat messages',
  recognises: (row) =>
    row['prompt'] === undefined &&
    isText(row['chosen']) &&
    isText(row['rejected']) &&
    looksLikeTranscript(row['chosen']) &&
    looksLikeTranscript(row['rejected']),
  toPairs: (row) => {
    const { prompt, ...responses } = splitMessages(
      transcriptMessages(textField(row, 'chosen'), 'chosen'),
      transcriptMessages(textField(row, 'rejected'), 'rejected'),
    );
    return [
      {
        plain: false,
        prompt: prompt.length === 0 ? prompt : withSystem(optionalText(row, 'system'), prompt),
        ...responses,
      },
    ];
  },
};
