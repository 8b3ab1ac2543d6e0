import type { RedisKey } from '../common/errors.js';
import type { Command } from '../driver/driver.js';
import { isSort } from '../driver/sort-keys.js';
import { hashedPart } from '../shards/placement.js';

const SCRIPTS: ReadonlySet<string> = new Set(['eval', 'evalsha', 'eval_ro', 'evalsha_ro', 'fcall', 'fcall_ro']);

/** Whether it may name keys that are none of its arguments: a script, a pattern of SORT. */
export function makesUpNames({ name, args }: Command): boolean {
  // The longest of them is `evalsha_ro`; most commands are shorter than the shortest, or longer.
  if (name.length < 4 || name.length > 10) return false;
  if (isSort(name)) return args.some((arg, i) => i > 0 && String(arg).includes('*'));
  return SCRIPTS.has(name.toLowerCase());
}

/** The tag of a key, as its bytes in latin1; undefined where it has none. */
export function tagOf(key: RedisKey): string | undefined {
  const part = hashedPart(key);
  if (part === key) return undefined;
  return typeof part === 'string' ? Buffer.from(part).toString('latin1') : part.toString('latin1');
}

/** A key with this tag. */
export const keyWithTag = (tag: string): Buffer => Buffer.from(`{${tag}}`, 'latin1');

/** The tags of these keys, each once. */
export function tagsOf(keys: readonly RedisKey[]): string[] {
  const tags = new Set<string>();
  for (const key of keys) {
    const tag = tagOf(key);
    if (tag !== undefined) tags.add(tag);
  }
  return [...tags];
}
