/** The page of one error: its number, large, before anything else. */
import { html, raw } from '../../reports/html.js';
import { STYLE } from '../../reports/style.js';
import type { ErrorPage } from '../errors/index.js';
import type { PageOptions } from './page.js';

/** The page as HTML, without script and network; it lies one folder below the main page. */
export function errorPage({ title, number, claim, meaning, method, table }: ErrorPage, options: PageOptions): string {
  const rows = table.rows.map(
    (row) => html`<tr>${row.map((text, i) => html`<td${i === 0 ? '' : raw(' class="number"')}>${text}</td>`)}</tr>`,
  );
  const head = table.head.map((text, i) => html`<th${i === 0 ? '' : raw(' class="number"')}>${text}</th>`);
  return html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title><style>${raw(STYLE)} .figure { font-size: 22px; line-height: 1.35; max-width: 60ch; margin: 18px 0; } th.number { white-space: normal; vertical-align: bottom; }</style></head>
<body><main>
<p class="soft"><a href="../index.html">${options.title}</a></p>
<h1>${title}</h1>
<p class="figure">${number}.</p>
<div class="alert">${options.claim}</div>
<h2>What is wrong</h2><p>${claim}</p>
<h2>What follows</h2><p>${meaning}</p>
<h2>How it was measured</h2><p>${method}</p>
<div class="box"><table><thead><tr>${head}</tr></thead><tbody>${rows}</tbody></table></div>
</main></body></html>
`.html;
}
