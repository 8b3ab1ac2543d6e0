import { createHash } from 'node:crypto';
import type { Json } from './merge-patch.js';

/** What others say is not longer on a page; a name may be more than can be read. */
const MAX_TEXT = 300;
const MAX_ITEMS = 50;
const MAX_DEPTH = 6;

/** A text of others, of a length that can be sent and shown. */
export function shortened(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}

/** A name as a key: shortened as well, and still its own. */
export function keyOf(name: string): string {
  if (name.length <= MAX_TEXT) return name;
  return `${name.slice(0, MAX_TEXT)}…${createHash('sha256').update(name).digest('hex').slice(0, 8)}`;
}

/** Three digits: more is noise, and would be news with every look. */
export function rounded(value: number | null | undefined): number | undefined {
  if (value === null || value === undefined || !Number.isFinite(value)) return undefined;
  return Number(value.toPrecision(3));
}

/** Leaves out what is not there, as the values of a patch must not be null. */
export function compact<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], null | undefined> } {
  const kept = Object.entries(value).filter(([, each]) => each !== undefined && each !== null);
  return Object.fromEntries(kept) as never;
}

/**
 * Anything as plain values without null, numbers that JSON has not among them, and no deeper than
 * displays go.
 */
export function plain(value: unknown, depth = 0): Json | undefined {
  if (typeof value === 'string') return shortened(value);
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (value instanceof Error) return shortened(value.message);
  if (typeof value !== 'object' || value === null || depth === MAX_DEPTH) return undefined;
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).flatMap((each) => plain(each, depth + 1) ?? []);
  const made: Record<string, Json> = Object.create(null);
  for (const [name, each] of Object.entries(value)) {
    const read = plain(each, depth + 1);
    if (read !== undefined) made[keyOf(name)] = read;
  }
  return made;
}
