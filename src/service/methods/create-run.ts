/** CreateRun: the same id and spec twice is one run. */
import { randomBytes } from 'node:crypto';
import type { CreateRunRequest, CreateRunResponse } from '../../gen/mrpo/runs/v1/runs.js';
import type { Caller } from '../access/tokens.js';
import { RunsFault, type RefusedField } from '../fault.js';
import { isRunId } from '../home.js';
import { NEW_RUN } from '../journal/fold.js';
import type { Order } from '../order.js';
import { runMessage } from '../protocol/run-message.js';
import type { Context } from '../rpc/guard.js';
import type { IndexedRun } from '../store/run-index.js';
import { mkdir } from 'node:fs/promises';
import { changesSince, requireNamedFiles } from './named-files.js';
import { runMessageOf, type Service } from './service.js';
import { checkSpec } from './spec.js';

const MOST_LABELS = 32;

/** Checks an order and puts it into the queue. @throws RunsFault that names every field that is wrong. */
export async function createRun(
  service: Service,
  request: CreateRunRequest,
  { caller, traceParent }: Pick<Context, 'caller' | 'traceParent'>,
): Promise<CreateRunResponse> {
  const fields = refusedFields(request);
  if (fields.length > 0) {
    throw new RunsFault(
      'request_invalid',
      fields.map(({ field, description }) => `${field}: ${description}`).join('\n'),
      { fields },
    );
  }
  const id = request.runId === '' ? newId() : request.runId;
  const home = service.home.run(id);
  const checked = checkSpec(service, request.spec, home.run, caller);
  const { written, loaded } = checked;
  const asked: Order = {
    format: 1,
    id,
    createdAt: Date.now(),
    priority: request.priority,
    labels: request.labels,
    tenant: caller.tenant,
    createdBy: caller.name,
    specHash: loaded.hash,
    spec: written,
    resolved: loaded.config,
    ...(traceParent !== undefined && { traceParent }),
  };
  const known = service.ledger.index.find(id);
  if (known !== undefined) return existing(service, known, asked, loaded.warnings);
  const { named, warnings: doubts } = await requireNamedFiles(service, checked);
  const order = { ...asked, named };
  const warnings = [...loaded.warnings, ...doubts];
  if (request.validateOnly) {
    const view = { ...NEW_RUN, createdAt: order.createdAt };
    return { run: runMessage({ order, view, seq: 0, queuePosition: 0 }, true), existed: false, warnings };
  }
  requireRoom(service, caller);
  await mkdir(home.path, { recursive: true });
  const added = await service.ledger.add(home, order, caller.name);
  // Somebody else was quicker with the same id.
  if (added === undefined) return existing(service, await waitFor(service, id), order, warnings);
  service.conductor.tick();
  return { run: runMessageOf(service, service.ledger.index.find(id) ?? added), existed: false, warnings };
}

async function existing(
  service: Service,
  known: IndexedRun,
  order: Order,
  warnings: readonly string[],
): Promise<CreateRunResponse> {
  if (known.order.tenant !== order.tenant || known.order.specHash !== order.specHash) {
    const own = known.order.tenant === order.tenant;
    const what = own ? 'was ordered before, with another spec' : 'belongs to another tenant';
    throw new RunsFault('run_exists', `run "${order.id}" ${what}`, {
      fields: [{ field: 'run_id', description: own ? 'taken by a run with another spec' : 'taken' }],
      hint: own
        ? `Choose another id, or look at the run: mrpo runs show ${order.id}, in a program GetRun`
        : 'Choose another id.',
      details: { specHash: own ? known.order.specHash : '' },
    });
  }
  const changes = await changesSince(service, known.order);
  const kept = keptOf(known.order, order);
  return { run: runMessageOf(service, known), existed: true, warnings: [...warnings, ...changes, ...kept] };
}

/** What a second order says otherwise, beside the spec: the run stays as it was ordered first. */
function keptOf({ id, priority, labels }: Order, again: Order): string[] {
  const others = Object.entries(again.labels).some(([key, value]) => labels[key] !== value);
  return [
    ...(priority === again.priority ? [] : [`run "${id}" keeps its priority ${priority}, got ${again.priority}`]),
    ...(others ? [`run "${id}" keeps its labels (${pairsOf(labels)}), got ${pairsOf(again.labels)}`] : []),
  ];
}

const pairsOf = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ') || 'none';

async function waitFor({ ledger }: Service, id: string): Promise<IndexedRun> {
  for (let look = 0; look < 100; look++) {
    const run = ledger.index.find(id);
    if (run !== undefined) return run;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new RunsFault('unavailable', `run "${id}" is being made; try again`);
}

const newId = (): string =>
  `run-${new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').toLowerCase()}-${randomBytes(4).toString('hex')}`;

function requireRoom({ ledger, limits }: Service, { tenant }: Caller): void {
  const waiting = ledger.index.count('PENDING', tenant);
  if (waiting < limits.maxWaiting) return;
  throw new RunsFault('quota', `${waiting} runs of ${tenant} wait already, at most ${limits.maxWaiting} may`, {
    hint: 'Wait for some to start, or cancel some.',
  });
}

function refusedFields({ runId, labels, priority }: CreateRunRequest): RefusedField[] {
  const entries = Object.entries(labels);
  return [
    ...(runId === '' || isRunId(runId)
      ? []
      : [
          {
            field: 'run_id',
            description: 'expected 1 to 63 of a-z, 0-9, dot, dash, underscore, beginning with a letter or digit',
          },
        ]),
    ...(priority >= -100 && priority <= 100
      ? []
      : [{ field: 'priority', description: `got ${priority}, expected -100 to 100` }]),
    ...(entries.length <= MOST_LABELS
      ? []
      : [{ field: 'labels', description: `got ${entries.length}, expected at most ${MOST_LABELS}` }]),
    ...entries.flatMap(([key, value]) =>
      /^[\w./-]{1,63}$/.test(key) && value.length <= 200
        ? []
        : [
            {
              field: `labels[${key.slice(0, 40)}]`,
              description: 'expected a key of letters, digits, . / - _ and at most 200 characters',
            },
          ],
    ),
  ];
}
