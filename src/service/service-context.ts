import type { PolicyRegistry } from '../balancing/registry.js';
import type { Resolver } from '../discovery/resolver.js';
import type { CheckHub } from '../health/check-hub.js';
import type { Clock } from '../runtime/clock.js';
import { number, readOptions } from '../runtime/options.js';
import type { Random } from '../runtime/random.js';

/** What a service is given of its mesh. */
export interface ServiceContext {
  readonly name: string;
  readonly resolver: Resolver;
  readonly registry: PolicyRegistry;
  readonly checks: CheckHub;
  readonly clock: Clock;
  readonly random: Random;
}

/** How long what closes waits for the calls in progress, by default. */
const DEFAULT_CLOSE_DEADLINE_MS = 10_000;

/** The option of `close`. */
export function readCloseDeadline(options: { readonly deadlineMs?: number } | undefined): number {
  return readOptions<{ deadlineMs: number }>('close', options, {
    deadlineMs: number(DEFAULT_CLOSE_DEADLINE_MS, 0, Number.MAX_SAFE_INTEGER),
  }).deadlineMs;
}
