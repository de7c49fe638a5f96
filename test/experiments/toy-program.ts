/** A program of its own that runs the toy matrix: to be killed. Arguments: folder of the pairs, folder of the results. */
import { createMemoryBackend } from '../../src/backend/memory.js';
import { openExperiment, renderExperiment, runExperiment } from '../../src/experiments/experiment.js';
import { openLogpCache } from '../../src/references/index.js';
import { toyMatrix } from './support.js';

const [folder = '', out = ''] = process.argv.slice(2);
const { axes } = toyMatrix(folder);
const matrix = toyMatrix(folder, {
  axes: { ...axes, seed: [0] },
  base: {
    policy: { model: 'toy:policy' },
    data: { train: `${folder}/pairs.jsonl`, eval: 8 },
    training: { learning_rate: 0.02, batch_size: 4, epochs: 2, save_steps: 3 },
    generate: { samples: 0 },
  },
});
const cache = openLogpCache({ path: `${folder}/cache.sqlite` });
const openBackend = async (): Promise<ReturnType<typeof createMemoryBackend>> => createMemoryBackend();
const experiment = await openExperiment([matrix], { out, cache, openBackend });
const onEvent = ({ type }: { readonly type: string }): void => void process.stdout.write(`${type}\n`);
await runExperiment(experiment, { cache, openBackend, onEvent });
await renderExperiment(experiment, { title: 'T', claim: 'C' });
cache.close();
