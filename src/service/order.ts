/** `order.json`: what was ordered, by whom. Written once, whole, and never changed. */
import { readFile } from 'node:fs/promises';
import type { RunConfig, RunConfigInput } from '../config/index.js';
import { writeNewFile } from '../store/atomic-file.js';
import type { NamedFile } from './access/named-files.js';
import type { RunHome } from './home.js';

/** What somebody has asked for. */
export interface Order {
  readonly format: 1;
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** Higher runs first. */
  readonly priority: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly tenant: string;
  readonly createdBy: string;
  /** Of the resolved configuration: equal hashes, equal runs. */
  readonly specHash: string;
  /** As it was sent. */
  readonly spec: RunConfigInput;
  /** Every default applied, paths absolute, output = the run folder. */
  readonly resolved: RunConfig;
  /** The files that it names, as they were when it was taken; absent in orders of an earlier release. */
  readonly named?: readonly NamedFile[] | undefined;
  /** Of the call that has ordered the run, where it was traced. */
  readonly traceParent?: string | undefined;
}

/** Keeps an order, whole or not at all. @returns false if the run has an order already. */
export const writeOrder = (home: RunHome, order: Order): Promise<boolean> =>
  writeNewFile(home.order, `${JSON.stringify(order, undefined, 2)}\n`);

/** Reads the order of a run. @throws Error if there is none or it is no JSON. */
export async function readOrder(home: RunHome): Promise<Order> {
  return JSON.parse(await readFile(home.order, 'utf8')) as Order;
}
