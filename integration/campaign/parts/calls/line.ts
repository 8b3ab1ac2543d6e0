import type { Operation } from '../../history.js';
import { type FaultSpan, isStarved, type RunRecord, type Violation } from '../../part.js';
import { type Call, callsByClient } from './attempts.js';
import type { CallsPlan } from './plan.js';

/** So long there may be room before a call that waits begins: a busy machine; ms. */
const BEGINS_WITHIN_MS = 400;
/** Calls of one turn of the event loop come at the same time. */
const LATER_MS = 5;

/**
 * Calls that wait: each begins as soon as there is room, whatever made it, and before those that
 * came later. Looked at are calls that may go anywhere.
 */
export function checkLine({ operations, faults, schedule }: RunRecord): Violation[] {
  const { limits } = schedule.options as unknown as CallsPlan;
  if (limits?.maxInflightPerEndpoint === undefined || limits.maxPending === 0) return [];
  const violations: Violation[] = [];
  for (const [client, calls] of callsByClient(operations)) {
    const anywhere = calls.filter(
      ({ asked, operation }) => asked.key === undefined && Number.isFinite(operation.endedMs),
    );
    const rooms = roomsOf(client, calls, operations, limits.maxInflightPerEndpoint);
    for (const call of anywhere) {
      const { operation } = call;
      if (isHeldUp(operation, faults)) continue;
      const beganMs = beginOf(call);
      const violate = (promise: string, says: string, ...others: Operation[]): void =>
        void violations.push({ promise: `line: ${promise}`, says, operations: [operation, ...others] });
      const room = rooms.find(({ fromMs, toMs }) => {
        return Math.min(toMs, beganMs) - Math.max(fromMs, operation.invokedMs) > BEGINS_WITHIN_MS;
      });
      if (room !== undefined)
        violate('a call waited although there was room', `${operation.id} waited while ${room.server} had room`);
      const later = anywhere.find((other) => {
        return (
          other.operation.invokedMs > operation.invokedMs + LATER_MS &&
          beginOf(other) + LATER_MS < beganMs &&
          other.attempts.length > 0
        );
      });
      if (later !== undefined)
        violate('a call was overtaken by one that came later', `${later.operation.id} began first`, later.operation);
    }
  }
  return violations;
}

/** When it went out, or was over without that. */
const beginOf = ({ attempts, operation }: Call): number => attempts[0]?.atMs ?? operation.endedMs;

function isHeldUp(operation: Operation, faults: readonly FaultSpan[]): boolean {
  const near = ({ kind, beganMs, overMs }: FaultSpan): boolean =>
    kind.startsWith('client-') && beganMs <= operation.endedMs && overMs + 1_000 >= operation.invokedMs;
  return isStarved(operation, faults) || faults.some(near);
}

interface Room {
  readonly server: string;
  readonly fromMs: number;
  toMs: number;
}

/** When a server was in use and had room for this client. */
function roomsOf(client: string, calls: readonly Call[], operations: readonly Operation[], most: number): Room[] {
  type Change = readonly [atMs: number, apply: () => void];
  const inflight = new Map<string, number>();
  let inUse: readonly string[] = [];
  const add = (server: string, change: number) => (): void => {
    inflight.set(server, (inflight.get(server) ?? 0) + change);
  };
  const changes: Change[] = calls.flatMap(({ attempts }) =>
    attempts.flatMap(({ server, atMs, overMs }): Change[] => [
      [atMs, add(server, 1)],
      ...(overMs === undefined ? [] : ([[overMs, add(server, -1)]] as const)),
    ]),
  );
  for (const { client: whose, name, invokedMs, input } of operations) {
    if (whose !== client || name !== 'in-use') continue;
    changes.push([
      invokedMs,
      () => {
        inUse = input as string[];
      },
    ]);
  }
  const rooms: Room[] = [];
  const open = new Map<string, Room>();
  for (const [atMs, apply] of changes.sort((a, b) => a[0] - b[0])) {
    apply();
    const free = new Set(inUse.filter((server) => (inflight.get(server) ?? 0) < most));
    for (const [server, room] of open) {
      if (free.has(server)) continue;
      room.toMs = atMs;
      open.delete(server);
    }
    for (const server of free) {
      if (open.has(server)) continue;
      const room = { server, fromMs: atMs, toMs: Number.POSITIVE_INFINITY };
      open.set(server, room);
      rooms.push(room);
    }
  }
  return rooms.filter(({ fromMs, toMs }) => toMs - fromMs > BEGINS_WITHIN_MS);
}
