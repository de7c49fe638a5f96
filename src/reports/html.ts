/** HTML as text, escaped by construction: `html` escapes every value that is not itself {@link Html}. */
export interface Html {
  readonly html: string;
}

type Value = string | number | Html | undefined | readonly Value[];

/** A template whose values are escaped; lists are joined, `undefined` is nothing. */
export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Html {
  return { html: parts.reduce((text, part, i) => text + textOf(values[i - 1]) + part) };
}

/** Text that is HTML already. */
export const raw = (text: string): Html => ({ html: text });

function textOf(value: Value): string {
  if (value === undefined) return '';
  if (typeof value === 'object') return 'html' in value ? value.html : value.map(textOf).join('');
  return escapeText(String(value));
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Control characters that HTML forbids are shown as their replacement sign. */
const escapeText = (text: string): string =>
  text
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, '\ufffd')
    .replace(/[&<>"']/g, (character) => ESCAPES[character] ?? character);
