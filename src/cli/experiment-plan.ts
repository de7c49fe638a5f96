/** `--plan` of `mrpo reproduce` and `mrpo matrix`: what would be run and what it costs, in words. */
import { bytesText } from '../core/quantities.js';
import type { ExperimentPlan } from '../experiments/index.js';
import { textTable } from './text-table.js';

/** A table of the matrices, then memory, disk, downloads and what the numbers rest on. */
export function experimentPlanText(plan: ExperimentPlan): string {
  const { device, matrices, memory, disk, downloads } = plan;
  const table = textTable(
    ['', 'cells', 'new', 'hours', ''],
    matrices.map(({ name, title, cells, newCells, hours }) => [
      name,
      String(cells),
      String(newCells),
      hoursText(hours),
      title,
    ]),
  );
  const lines = [
    `${plan.runs} different runs, ${plan.finished} of them finished; ${hoursText(plan.hours)} hours on one ${device.name}, each model and set scored once`,
    `memory: at most ${bytesText(memory.bytes)} of ${bytesText(device.memoryBytes)} (${memory.path})`,
    ...(plan.tooLarge === 0
      ? []
      : [`${plan.tooLarge} of ${plan.runs} runs DO NOT FIT on one ${device.name}; the others do. Try --device H200.`]),
    `disk: ${bytesText(disk.downloads)} downloads, ${bytesText(disk.results)} trained weights, ${bytesText(disk.checkpoints)} checkpoints of each run at work`,
    ...downloads.map(
      ({ name, bytes, gated }) =>
        `  ${name}  ${bytesText(bytes)}${gated ? ', asks for its licence to be accepted' : ''}`,
    ),
    ...plan.notes.map((note) => `note: ${note}`),
  ];
  return `${table}\n${lines.join('\n')}\n`;
}

const hoursText = (hours: number): string => (hours < 0.95 ? hours.toFixed(2) : hours.toFixed(1));
