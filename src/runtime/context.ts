import { AsyncLocalStorage } from 'node:async_hooks';
import { isUint8Array } from 'node:util/types';
import { invalidOption } from './options.js';

/**
 * The routing key of whatever runs now. Nothing is tracked, and nothing costs, before the first
 * `withRoutingKey`.
 */
const keys = new AsyncLocalStorage<RoutingKey | undefined>();

/**
 * Runs `run` with a routing key that every call made in it may go by, however deep: for code that
 * calls through a driver which knows no keys. `undefined` takes the key away again. Returns what
 * `run` returns.
 *
 * ```ts
 * await withRoutingKey(session.userId, () => handle(request));
 * ```
 */
export function withRoutingKey<T>(key: RoutingKey | undefined, run: () => T): T {
  if (typeof run !== 'function') throw invalidOption('withRoutingKey', run, 'a function to run');
  return keys.run(key, run);
}

/** The key of the innermost `withRoutingKey` that is running now. */
export function currentRoutingKey(): RoutingKey | undefined {
  return keys.getStore();
}

/** What a call is hashed or kept together by. Bytes are taken as they are, strings as UTF-8. */
export type RoutingKey = string | Uint8Array;

/** A number would be taken for bytes of no length: all numbers for one key. */
export function checkBinaryKey(key: unknown): void {
  if (!isUint8Array(key)) throw invalidOption('key', key, 'a string, a Uint8Array or undefined');
}
