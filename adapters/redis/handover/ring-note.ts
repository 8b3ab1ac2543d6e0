import type { NotedRing, NotedShard } from '../shards/noted-ring.js';

/** What clients with a hand-over leave at each server for those that start later. */
export interface RingNote {
  /** Where keys go. */
  readonly ring: NotedRing;
  /** Where they may still be, the latest first. */
  readonly windows: readonly NotedWindow[];
}

export interface NotedWindow {
  readonly ring: NotedRing;
  /** When its time is over; milliseconds of Unix time. */
  readonly dueMs: number;
}

/** What is longer was written by no client of ours. */
const MAX_SHARDS = 10_000;
const MAX_WINDOWS = 8;

/** Undefined for a text that is no such note, whatever it is. */
export function parseNote(text: string): RingNote | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { ring, windows } = fieldsOf(value);
  if (!isRing(ring) || !Array.isArray(windows) || windows.length > MAX_WINDOWS) return undefined;
  return windows.every(isWindow) ? { ring, windows } : undefined;
}

function isWindow(value: unknown): value is NotedWindow {
  const { ring, dueMs } = fieldsOf(value);
  return isRing(ring) && Number.isFinite(dueMs);
}

function isRing(value: unknown): value is NotedRing {
  const { placement, compatibility, shards } = fieldsOf(value);
  if (!isText(placement) || !isText(compatibility) || !Array.isArray(shards)) return false;
  return shards.length > 0 && shards.length <= MAX_SHARDS && shards.every(isShard);
}

function isShard(value: unknown): value is NotedShard {
  const { name, id, host, port, weight, readOnly, replicas } = fieldsOf(value);
  if (![name, id, host].every(isText) || typeof readOnly !== 'boolean') return false;
  if (!Array.isArray(replicas) || !replicas.every(isText)) return false;
  return Number.isInteger(port) && Number.isFinite(weight) && (weight as number) > 0;
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
