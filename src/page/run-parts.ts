/** A run as the page shows it: numbers for the charts, and the very sections of report.html. */
import { mainTable } from '../reports/main-table.js';
import { referenceSection } from '../reports/reference-section.js';
import { sampleSection } from '../reports/sample-section.js';
import { settingsSection } from '../reports/settings-section.js';
import { reportRun } from '../runs/write-run-report.js';
import type { StoredRun } from '../store/run-folder.js';

/** What the view of one run needs beside its metrics. */
export interface RunParts {
  readonly summary: string;
  readonly longerIsChosen: number | undefined;
  /** Steps where the run went on after an interruption. */
  readonly marks: readonly { readonly x: number; readonly text: string }[];
  readonly config: unknown;
  readonly configHash: string;
  /** HTML whose values are escaped. */
  readonly sections: readonly { readonly title: string; readonly html: string }[];
}

/** From the run folder; of an unfinished run, what is there. */
export function runParts(run: StoredRun): RunParts {
  const shown = reportRun(run);
  const runs = [{ ...shown, metrics: [] }]; // curves over time are the page's own
  const sections = [
    { title: 'Before and after', html: mainTable(runs).html },
    { title: '', html: referenceSection(runs).html },
    { title: '', html: sampleSection(runs).html },
    { title: '', html: settingsSection(shown, false).html },
  ];
  return {
    summary: shown.summary,
    longerIsChosen: shown.longerIsChosen,
    marks: shown.wentOn,
    config: run.config,
    configHash: run.record.configHash,
    sections: sections.filter(({ html }) => html !== ''),
  };
}
