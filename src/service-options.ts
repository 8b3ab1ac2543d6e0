import type { AffinityStore } from './affinity/affinity.js';
import type { PolicySpec } from './balancing/registry.js';
import { consecutiveFailures } from './health/consecutive-failures.js';
import type { HealthSignal } from './health/health.js';
import {
  boolean,
  callback,
  given,
  integer,
  invalidOption,
  number,
  oneOf,
  type Reader,
  readOptions,
} from './runtime/options.js';
import type { Outcome } from './runtime/outcome.js';

export interface AffinityOptions {
  /** A session unused for this long is forgotten; milliseconds. Default 1,800,000 (30 minutes); 1 to 31,536,000,000. */
  readonly ttlMs?: number;
  /** Sessions kept at most; the least recently used leaves first. Default 100,000; 1 to 10,000,000. */
  readonly capacity?: number;
  /** When the session's endpoint cannot be used: `move` (default) binds it to another, `fail` refuses the call. */
  readonly onUnavailable?: 'move' | 'fail';
  /** Where sessions are kept. Default: a table in this process, to which alone `ttlMs` and `capacity` apply. */
  readonly store?: AffinityStore;
}

export interface ServiceOptions {
  /** A policy, its name, or `{ name: options }`. Default `least_request`. */
  readonly policy?: PolicySpec;
  /** Who judges outcomes. Default `[consecutiveFailures()]`; an empty list switches passive ejection off. */
  readonly health?: readonly HealthSignal[];
  /** No more than this share of the members is ejected at once, but always at least one. Default 0.5; 0 to 1. */
  readonly maxEjectionRatio?: number;
  /** Health is ignored while fewer than this share of the members are healthy. Default 0.5; 0 switches it off. */
  readonly panicThreshold?: number;
  /** Sticky sessions by key: `true` for the defaults. Default off. */
  readonly affinity?: boolean | AffinityOptions;
  /** Parameters for the resolver, such as Consul's `datacenter`. Checked by the resolver. */
  readonly discovery?: Readonly<Record<string, unknown>>;
  /**
   * How long `call()` waits for the first endpoint to be found before it fails; milliseconds. Default 5,000; 0 fails at
   * once.
   */
  readonly waitForReadyMs?: number;
  /** The outcome of what a call's function threw. Default: `classifyError`. One that throws itself is not asked again for that call. */
  readonly classify?: (thrown: unknown) => Outcome;
  /** Measure response times although the policy does not need them (for display). Default false. */
  readonly measureLatency?: boolean;
}

export interface ReadServiceOptions {
  readonly policy: PolicySpec;
  readonly health: readonly HealthSignal[];
  readonly maxEjectionRatio: number;
  readonly panicThreshold: number;
  readonly affinity: ReadAffinityOptions | undefined;
  readonly discovery: Readonly<Record<string, unknown>>;
  readonly waitForReadyMs: number;
  readonly classify: ((thrown: unknown) => Outcome) | undefined;
  readonly measureLatency: boolean;
}

export interface ReadAffinityOptions {
  readonly ttlMs: number;
  readonly capacity: number;
  readonly onUnavailable: 'move' | 'fail';
  readonly store: AffinityStore | undefined;
}

const YEAR_MS = 31_536_000_000;
const HALF_HOUR_MS = 1_800_000;

const affinity: Reader<ReadAffinityOptions | undefined> = (value, name) => {
  if (value === undefined || value === false) return undefined;
  return readOptions<ReadAffinityOptions>(name, value === true ? {} : value, {
    ttlMs: number(HALF_HOUR_MS, 1, YEAR_MS),
    capacity: integer(100_000, 1, 10_000_000),
    onUnavailable: oneOf('move', 'move', 'fail'),
    store: given<AffinityStore>(),
  });
};

const signals: Reader<readonly HealthSignal[]> = (value, name) => {
  if (value === undefined) return [consecutiveFailures()];
  if (Array.isArray(value) && value.every((signal) => typeof signal?.create === 'function')) return value;
  throw invalidOption(name, value, 'an array of health signals, such as [consecutiveFailures({ failures: 3 })]');
};

const record: Reader<Readonly<Record<string, unknown>>> = (value, name) => {
  if (value === undefined) return {};
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw invalidOption(name, value, 'an object');
};

export function readServiceOptions(service: string, options: ServiceOptions | undefined): ReadServiceOptions {
  return readOptions<ReadServiceOptions>(`service '${service}'`, options, {
    policy: (value) => (value ?? 'least_request') as PolicySpec,
    health: signals,
    maxEjectionRatio: number(0.5, 0, 1),
    panicThreshold: number(0.5, 0, 1),
    affinity,
    discovery: record,
    waitForReadyMs: number(5_000, 0, YEAR_MS),
    classify: callback(),
    measureLatency: boolean(false),
  });
}
