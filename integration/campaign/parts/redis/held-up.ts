import type { Operation } from '../../history.js';
import { type FaultSpan, isStarved, type RunRecord, type Violation } from '../../part.js';
import { shardOf } from './world.js';

/** Faults of a server that answers nothing, and refuses nothing. */
const HANGS = /^(swallow-amid|net-swallow|net-half-open|net-hold|pause)$/;
/** Changes after which clients wait until all have heard of them. */
const CHANGES = /^(join|client-|late|registrar-)/;
/** A client hears of a change by so much later; ms. */
const HEARS_MS = 800;
/** So long nothing of those keys ends; ms. A key takes some round trips. */
const WAITS_MS = 900;
/** And meanwhile so much of other keys ends, so that neither client nor machine is what hangs. */
const OTHERS = 20;
/** A fault is felt until a client is connected again; ms. */
const GRACE_MS = 4_000;

/** Where each key may be: its owners in all lists that clients saw. */
function placesOf(operations: readonly Operation[]): ReadonlyMap<string, ReadonlySet<string>> {
  const places = new Map<string, Set<string>>();
  for (const { name, input } of operations) {
    if (name !== 'owners') continue;
    for (const [key, shard] of Object.entries(input as Readonly<Record<string, string>>)) {
      const known = places.get(key);
      if (known === undefined) places.set(key, new Set([shard]));
      else known.add(shard);
    }
  }
  return places;
}

/**
 * A server that hangs holds up its own keys, and no others, also while keys move: a command of a key
 * that is neither there nor goes there does not wait for as long as others of its client end.
 */
export function checkHeldUp({ operations, faults, schedule }: RunRecord): Violation[] {
  const { handover } = schedule.options as { handover?: { settleMs: number } };
  if (handover === undefined) return [];
  const places = placesOf(operations);
  const asked = operations.filter(({ key, name }) => places.has(key) && /^(incr|read|write|add|items)$/.test(name));
  const violations: Violation[] = [];
  for (const hang of faults.filter(({ kind }) => HANGS.test(kind))) {
    const fromMs = settledMs(hang, faults, handover.settleMs);
    if (hang.overMs - fromMs < WAITS_MS) continue;
    const inHang = asked.filter(({ invokedMs, endedMs }) => invokedMs < hang.overMs && endedMs > fromMs);
    for (const operation of inHang) {
      const [since, until] = [Math.max(operation.invokedMs, fromMs), Math.min(operation.endedMs, hang.overMs)];
      const mine = places.get(operation.key)!;
      if (until - since < WAITS_MS || mine.size < 2 || mine.has(shardOf(hang.target))) continue;
      if (isHurt(operation, mine, faults) || isWithOthers(operation, inHang)) continue;
      const others = inHang.filter(({ client, invokedMs, endedMs }) => {
        return client === operation.client && invokedMs > since && endedMs < until;
      });
      if (others.length < OTHERS) continue;
      const says = `${operation.name} ${operation.key} of ${[...mine].join(' and ')} waited for ${Math.round(until - since)} ms while ${shardOf(hang.target)} hung, and ${others.length} others ended`;
      violations.push({ promise: 'a server that hangs holds up keys of others', says, operations: [operation] });
    }
  }
  return violations;
}

/** From when on nothing waits for clients that may not have heard of a change. */
function settledMs(hang: FaultSpan, faults: readonly FaultSpan[], settleMs: number): number {
  const moments = faults.filter(({ kind }) => CHANGES.test(kind)).flatMap(({ beganMs, overMs }) => [beganMs, overMs]);
  const before = moments.filter((atMs) => atMs < hang.overMs).map((atMs) => atMs + settleMs + HEARS_MS);
  return Math.max(hang.beganMs, ...before);
}

/** Another fault at its own servers, or the machine, may be the reason. */
function isHurt(operation: Operation, places: ReadonlySet<string>, faults: readonly FaultSpan[]): boolean {
  if (isStarved(operation, faults)) return true;
  return faults.some(({ kind, target, beganMs, overMs }) => {
    if (/^(join|consul-|registrar-|late)/.test(kind)) return false;
    if (beganMs > operation.endedMs || overMs + GRACE_MS < operation.invokedMs) return false;
    return kind.startsWith('client-') || places.has(shardOf(target));
  });
}

/** What is asked for together ends together. */
function isWithOthers({ id, client, worker, invokedMs, endedMs }: Operation, all: readonly Operation[]): boolean {
  return all.some((other) => {
    const together = other.invokedMs < endedMs && other.endedMs > invokedMs;
    return other.id !== id && other.client === client && other.worker === worker && together;
  });
}
