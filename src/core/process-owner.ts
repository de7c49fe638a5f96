/**
 * Who made a temporary folder, written into it, so that a later process can tell whether anybody still needs it. Process
 * ids are used again and mean something within one machine and container only, so more than the id is compared.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** Identifies one process among all that ever ran on machines sharing a disk. */
export interface ProcessOwner {
  /** Name of the machine. */
  readonly host: string;
  /** Id of the machine's current start; empty where the system gives none. */
  readonly boot: string;
  /** Id of the namespace (container) that `process` counts in; empty where the system gives none. */
  readonly namespace: string;
  /** Process id. */
  readonly process: number;
  /** Start time of the process in clock ticks since boot; empty outside Linux. */
  readonly started: string;
}

/** This process. */
export function thisProcess(): ProcessOwner {
  return {
    host: hostname(),
    boot: textOf('/proc/sys/kernel/random/boot_id'),
    namespace: linkOf('/proc/self/ns/pid'),
    process: process.pid,
    started: startOf(process.pid),
  };
}

/** Whether the owner has certainly ended. One of another machine or container may live. */
export function hasEnded(owner: ProcessOwner): boolean {
  const here = thisProcess();
  if (owner.host !== here.host) return false;
  if (owner.boot !== here.boot) return true;
  if (owner.namespace !== here.namespace) return false;
  return !processExists(owner.process) || owner.started !== startOf(owner.process);
}

/** Whether its number means the same process here: not that of another machine, or of a container before its restart. */
export function isOfHere({ host, boot, namespace }: ProcessOwner): boolean {
  const here = thisProcess();
  return host === here.host && boot === here.boot && namespace === here.namespace;
}

/** Whether a process of this id is at work, whoever's it is. One that only waits for its parent to notice its end is not. */
export function processExists(id: number): boolean {
  try {
    process.kill(id, 0); // signal 0 asks and does nothing
    return stateOf(id) !== 'Z';
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Whether a process of this machine is suspended (SIGSTOP, a debugger). Linux only; false elsewhere. */
export function isStopped(id: number): boolean {
  return ['T', 't'].includes(stateOf(id));
}

/** One letter, as Linux says it: R running, S sleeping, T stopped, Z ended... Empty elsewhere. */
const stateOf = (id: number): string => textOf(`/proc/${id}/stat`).split(') ').at(-1)?.split(' ')[0] ?? '';

/** Field 22 of /proc/ID/stat; the name in field 2 may hold anything but ends with the last bracket. */
function startOf(id: number): string {
  const fields = textOf(`/proc/${id}/stat`).split(') ').at(-1)?.split(' ') ?? [];
  return fields[19] ?? '';
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
