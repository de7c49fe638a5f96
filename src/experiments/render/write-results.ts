/** Everything that is made from results: pure, without a backend, of whatever is finished. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../store/atomic-file.js';
import { STYLE } from '../../reports/style.js';
import type { Html } from '../../reports/html.js';
import { compareMethods } from '../comparisons.js';
import { progressText, type MatrixResults } from '../results.js';
import { errorPages } from '../errors/index.js';
import { checklist, checklistMarkdown } from './checklist.js';
import { resultsCsv } from './csv.js';
import { errorPage } from './error-page.js';
import { figurePanels } from './figures.js';
import { latexTable } from './latex.js';
import { markdownComparisons, markdownTable } from './markdown.js';
import { resultsPage, type PageOptions } from './page.js';
import { fileName, tableModel } from './table-model.js';

/** Absolute paths of what was written. */
export interface WrittenResults {
  readonly page: string;
  readonly markdown: string;
}

/**
 * Writes index.html, results.md, checklist.md, a page for each error of the paper that was measured, and per matrix its
 * tables (.tex), figures (.svg) and runs (.csv) into `folder`.
 */
export async function writeResults(
  all: readonly MatrixResults[],
  folder: string,
  options: PageOptions,
): Promise<WrittenResults> {
  await mkdir(folder, { recursive: true });
  const sections = all.map((results) => ({ results, comparisons: compareMethods(results.matrix, results.cells) }));
  for (const { results } of sections) {
    const { matrix } = results;
    await writeFileAtomic(join(folder, `${matrix.name}.csv`), resultsCsv(results));
    for (const view of matrix.tables) {
      const table = tableModel(results, view, options.comparesValues);
      await writeFileAtomic(join(folder, `${table.name}.tex`), latexTable(table));
    }
    for (const view of matrix.figures) {
      const panels = figurePanels(results, view);
      for (const [i, panel] of panels.entries()) {
        const name = `${view.name ?? fileName(view.title)}${panels.length > 1 ? `-${i + 1}` : ''}.svg`;
        await writeFileAtomic(join(folder, name), standaloneSvg(panel));
      }
    }
  }
  const errors = errorPages(all);
  if (errors.length > 0) await mkdir(join(folder, 'errors'), { recursive: true });
  for (const error of errors) {
    await writeFileAtomic(join(folder, 'errors', `${error.name}.html`), errorPage(error, options));
  }
  const items = checklist(all);
  if (items.length > 0) await writeFileAtomic(join(folder, 'checklist.md'), checklistMarkdown(items));
  const markdown = [
    `# ${options.title}`,
    '',
    `> ${options.claim}`,
    '',
    ...sections.flatMap(({ results, comparisons }) => [
      `## ${results.matrix.title}`,
      '',
      progressText(results),
      '',
      ...results.matrix.tables.map((view) => markdownTable(tableModel(results, view, options.comparesValues))),
      markdownComparisons(comparisons),
    ]),
    ...(errors.length === 0 ? [] : ['## Errors of the paper and of its released code, measured', '']),
    ...errors.map(({ title, number }) => `- **${title}**: ${number}.`),
    '',
  ].join('\n');
  const written = { page: join(folder, 'index.html'), markdown: join(folder, 'results.md') };
  await writeFileAtomic(written.markdown, markdown);
  await writeFileAtomic(written.page, resultsPage({ sections, errors, checklist: items }, options));
  return written;
}

/** The drawing of a panel as a file of its own: with a name space and the page's colours. */
function standaloneSvg(panel: Html): string {
  const svg = /<svg[\s\S]*<\/svg>/.exec(panel.html)?.[0] ?? '';
  const colors = [...STYLE.matchAll(/(--[\w-]+): (#[\da-f]+)/g)]
    .slice(0, 20)
    .map(([, name, value]) => [name, value] as const);
  const style = `text{font:11px sans-serif;fill:#63676e}.line{fill:none;stroke-width:2}.grid{stroke:#e4e4e1}.band{opacity:.15}.whisker{stroke:#1c1e21}${Array.from(
    { length: 7 },
    (_, i) => {
      const color = new Map(colors).get(`--c${i}`) ?? '#888';
      return `.line.c${i}{stroke:${color}}.band.c${i},.column.c${i}{fill:${color}}`;
    },
  ).join('')}`;
  return svg.replace(/<svg /, '<svg xmlns="http://www.w3.org/2000/svg" ').replace('>', `><style>${style}</style>`);
}
