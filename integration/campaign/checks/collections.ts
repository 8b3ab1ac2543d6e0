import type { Operation } from '../history.js';
import type { Violation } from '../part.js';
import { byKey, doneMs } from './index-by-key.js';

export interface CollectionNames {
  /** `input` is the item, or a list of items; each is unique among all of its key. */
  readonly adds: readonly string[];
  /** `output` is all that is there. */
  readonly reads: readonly string[];
}

/**
 * Lists, sets, tables that only grow, by items that are unique: all that was acknowledged is there,
 * once; what is unknown at most once; what failed, and what nobody added, is not.
 */
export function checkCollections(operations: readonly Operation[], names: CollectionNames): Violation[] {
  const violations: Violation[] = [];
  for (const [key, all] of byKey(operations, [...names.adds, ...names.reads])) {
    const adds = new Map<unknown, Operation>();
    for (const add of all) {
      if (names.adds.includes(add.name)) for (const item of itemsOf(add.input)) adds.set(item, add);
    }
    for (const read of all) {
      if (!names.reads.includes(read.name) || read.outcome !== 'ok') continue;
      const complain = (promise: string, says: string, add?: Operation): void => {
        violations.push({ promise: `collection: ${promise}`, says, operations: add ? [add, read] : [read] });
      };
      const found = new Set<unknown>();
      for (const item of itemsOf(read.output)) {
        const add = adds.get(item);
        if (found.has(item)) complain('item twice', `${key} has ${String(item)} twice`, add);
        found.add(item);
        if (add === undefined) complain('item that nobody added', `${key} has ${String(item)}`);
        else if (add.outcome === 'fail') {
          complain('what failed for certain has happened', `${key} has ${String(item)}, which was refused`, add);
        }
      }
      for (const [item, add] of adds) {
        if (doneMs(add) >= read.invokedMs || found.has(item)) continue;
        complain('acknowledged write lost', `${key} lacks ${String(item)}`, add);
      }
    }
  }
  return violations;
}

export interface QueueNames {
  /** `input` is the item, unique. */
  readonly puts: readonly string[];
  /** `output` is the item that was taken, or null where there was none. */
  readonly takes: readonly string[];
  /** `output` is the list of what is left, in the end; the last one counts. */
  readonly left: readonly string[];
}

/**
 * Queues: no item comes twice, and what was put is taken or left. As many may be missing as takes
 * of that queue ended unknown: one of these may have had it.
 */
export function checkQueues(operations: readonly Operation[], names: QueueNames): Violation[] {
  const violations: Violation[] = [];
  for (const [key, all] of byKey(operations, [...names.puts, ...names.takes, ...names.left])) {
    const puts = new Map(all.filter(({ name }) => names.puts.includes(name)).map((put) => [put.input, put]));
    const out = new Map<unknown, Operation>();
    const complain = (promise: string, says: string, ...around: (Operation | undefined)[]): void => {
      const shown = around.filter((one) => one !== undefined);
      violations.push({ promise: `queue: ${promise}`, says: `${key}: ${says}`, operations: shown });
    };
    const left = all.findLast(({ name, outcome }) => outcome === 'ok' && names.left.includes(name));
    const takes = all.filter(({ name, outcome }) => outcome === 'ok' && names.takes.includes(name));
    const ends = left ? [...takes, left] : takes;
    for (const end of ends) {
      for (const item of itemsOf(end.output)) {
        const put = puts.get(item);
        if (out.has(item)) complain('item taken twice', String(item), put, out.get(item), end);
        out.set(item, end);
        if (put === undefined) complain('item that nobody put', String(item), end);
        else if (put.outcome === 'fail') {
          complain('what failed for certain has happened', `${String(item)} was refused`, put, end);
        }
      }
    }
    if (left === undefined) continue;
    const unknown = all.filter(({ name, outcome }) => names.takes.includes(name) && outcome === 'unknown').length;
    const missing = [...puts.values()].filter(({ outcome, input }) => outcome === 'ok' && !out.has(input));
    if (missing.length > unknown) {
      const says = `${missing.length} items are gone, and ${unknown} takes ended unknown`;
      complain('acknowledged write lost', says, ...missing.slice(0, 6));
    }
  }
  return violations;
}

const itemsOf = (value: unknown): readonly unknown[] =>
  Array.isArray(value) ? value : value === null || value === undefined ? [] : [value];
