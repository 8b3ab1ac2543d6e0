import type { PolicyRegistry } from '../balancing/registry.js';
import type { Resolver } from '../discovery/resolver.js';
import type { CheckHub } from '../health/check-hub.js';
import type { Clock } from '../runtime/clock.js';
import { number, type Reader, readOptions } from '../runtime/options.js';
import type { Random } from '../runtime/random.js';

/** What a service is given of its mesh. */
export interface ServiceContext {
  readonly name: string;
  readonly resolver: Resolver;
  /** Why it takes no calls from the beginning; undefined where it takes them. */
  readonly removed: string | undefined;
  readonly registry: PolicyRegistry;
  readonly checks: CheckHub;
  readonly clock: Clock;
  readonly random: Random;
}

/** How long what closes waits for the calls in progress. */
export const closeDeadline: Reader<number> = number(10_000, 0, Number.MAX_SAFE_INTEGER);

/** The option of `close`. */
export function readCloseDeadline(options: { readonly deadlineMs?: number } | undefined): number {
  return readOptions<{ deadlineMs: number }>('close', options, {
    deadlineMs: closeDeadline,
  }).deadlineMs;
}
