import type { Operation } from '../history.js';
import type { Violation } from '../part.js';
import { byKey } from './index-by-key.js';

export interface RegisterNames {
  /** `input` is the value, unique among all writes of the key; null deletes it. */
  readonly writes: readonly string[];
  /** `output` is the value, or null where there is none. */
  readonly reads: readonly string[];
  /**
   * Whose writes a read must not miss: `all`, or `own` those of its client alone. Default `all`.
   */
  readonly sees?: 'all' | 'own';
  /**
   * With `own`: for so long two clients may see different servers, and a value of another client that
   * is older by less is no violation; ms. Default 0.
   */
  readonly differMs?: number;
  /** A cache forgets: null is never wrong. Default false. */
  readonly mayForget?: boolean;
  /** Reads that promise nothing about age, and only have to return what was written. */
  readonly anyAge?: (read: Operation) => boolean;
}

interface Write {
  readonly operation: Operation | undefined;
  readonly value: unknown;
  readonly invokedMs: number;
  /** When it had certainly happened: acknowledged, or seen by a read that ended. */
  doneMs: number;
}

/**
 * Registers whose values are unique, so that for each read it is known which write it saw. Wrong is
 * a value that nobody wrote, one whose write failed "for certain", and one that is older than
 * another which had certainly happened before the read was asked for. A write that was seen once has
 * happened, so one of unknown end that is seen again after it was overwritten is found as well.
 */
export function checkRegisters(operations: readonly Operation[], names: RegisterNames): Violation[] {
  const violations: Violation[] = [];
  for (const [key, all] of byKey(operations, [...names.writes, ...names.reads])) {
    violations.push(...checkKey(key, all, names));
  }
  return violations;
}

function checkKey(key: string, all: readonly Operation[], names: RegisterNames): Violation[] {
  const violations: Violation[] = [];
  const initial = Number.NEGATIVE_INFINITY;
  const writes: Write[] = [{ operation: undefined, value: null, invokedMs: initial, doneMs: initial }];
  const byValue = new Map<unknown, Write>();
  const failed = new Map<unknown, Operation>();
  for (const operation of all) {
    if (!names.writes.includes(operation.name)) continue;
    const { input: value, invokedMs, endedMs, outcome } = operation;
    if (outcome === 'fail') {
      failed.set(value, operation);
      continue;
    }
    const write = { operation, value, invokedMs, doneMs: outcome === 'ok' ? endedMs : Number.POSITIVE_INFINITY };
    writes.push(write);
    if (value !== null) byValue.set(value, write);
  }
  const reads = all.filter(({ name, outcome }) => names.reads.includes(name) && outcome === 'ok');
  const add = (promise: string, says: string, ...around: (Operation | undefined)[]): void => {
    violations.push({ promise: `register: ${promise}`, says, operations: around.filter((one) => one !== undefined) });
  };
  // Seen means done, for all that comes later.
  for (const read of reads) {
    const write = byValue.get(read.output);
    if (write) write.doneMs = Math.min(write.doneMs, read.endedMs);
  }
  const sorted = writes.filter(({ doneMs }) => Number.isFinite(doneMs)).sort((a, b) => a.doneMs - b.doneMs);
  for (const read of reads) {
    const value = read.output ?? null;
    if (value === null && names.mayForget === true) continue;
    const candidates = value === null ? writes.filter((write) => write.value === null) : [byValue.get(value)];
    const [first] = candidates;
    if (first === undefined) {
      const ghost = failed.get(value);
      const seen = show(value);
      if (ghost) add('what failed for certain has happened', `${key} is ${seen}, which was refused`, ghost, read);
      else add('read what nobody wrote', `${key} is ${seen}`, read);
      continue;
    }
    if (names.anyAge?.(read) === true) continue;
    const newest = newestBefore(sorted, read, names);
    if (newest === undefined) continue;
    const possible = candidates.some((write) => {
      const foreign = write!.operation !== undefined && write!.operation.client !== read.client;
      const slackMs = foreign ? (names.differMs ?? 0) : 0;
      return write === newest || write!.doneMs + slackMs >= newest.invokedMs;
    });
    if (possible) continue;
    const says = `${key} is ${show(value)}, and ${show(newest.value)} was there before it was read`;
    const promise = value === null ? 'acknowledged write lost' : 'read older than what was acknowledged';
    add(promise, says, first.operation, newest.operation, read);
  }
  return violations;
}

/** The latest to begin among the writes that had certainly happened before the read was asked for. */
function newestBefore(sorted: readonly Write[], read: Operation, names: RegisterNames): Write | undefined {
  let newest: Write | undefined;
  for (const write of sorted) {
    if (write.doneMs >= read.invokedMs) break;
    if (names.sees === 'own' && write.operation !== undefined && write.operation.client !== read.client) continue;
    if (write.operation !== undefined && (newest === undefined || write.invokedMs > newest.invokedMs)) newest = write;
  }
  return newest;
}

const show = (value: unknown): string => JSON.stringify(value).slice(0, 80);
