import type { AffinityStore, SharedAffinityStore } from '../affinity/affinity.js';
import type { ProbeSource } from '../balancing/policy.js';
import type { PolicySpec } from '../balancing/spec.js';
import type { ApertureOptions, ApertureSettings } from '../endpoint/rotation/aperture.js';
import { readAperture, readPriority, readSlowStart, readZone } from '../endpoint/rotation/options.js';
import type { PriorityOptions } from '../endpoint/rotation/priority.js';
import type { SlowStartOptions, SlowStartSettings } from '../endpoint/rotation/slow-start.js';
import type { ZoneOptions, ZoneSettings } from '../endpoint/rotation/zone.js';
import type { ActiveCheck } from '../health/active-check.js';
import { type CheckSpec, checkKinds, type SignalSpec, signalKinds } from '../health/by-name.js';
import { consecutiveFailures } from '../health/consecutive-failures.js';
import type { EjectionRatios } from '../health/ejection-caps.js';
import type { HealthSignal } from '../health/health.js';
import { type ResilienceOptions, type ResilienceSettings, readResilience } from '../resilience/options.js';
import type { Classify } from '../resilience/verdict.js';
import { FairleadError } from '../runtime/errors.js';
import { named } from '../runtime/named.js';
import {
  boolean,
  callback,
  described,
  fields,
  integer,
  invalidOption,
  isRecord,
  number,
  oneOf,
  onOff,
  optional,
  type Reader,
  readOptions,
  type Schema,
  unchecked,
} from '../runtime/options.js';
import { show } from '../runtime/shown.js';
import type { RecorderSettings } from '../telemetry/flight-recorder.js';

export interface AffinityOptions {
  /**
   * A session unused for this long is forgotten; milliseconds. Default 1,800,000 (30 minutes); 1 to
   * 31,536,000,000.
   */
  readonly ttlMs?: number;
  /**
   * Sessions kept at most. One in use never makes room for a new one: those that find none get
   * their endpoint from their key alone. Default 100,000; 1 to 10,000,000.
   */
  readonly capacity?: number;
  /**
   * When the session's endpoint cannot be used: `move` (default) binds it to another, `fail`
   * refuses the call.
   */
  readonly onUnavailable?: 'move' | 'fail';
  /**
   * How long sessions stay with an endpoint that left discovery, unless it fails a call;
   * milliseconds. For servers that go on serving while they shut down. Default 0: they move at
   * once, as gRPC's stateful sessions do by default (gRFC A55); 0 to 86,400,000.
   */
  readonly drainMs?: number;
  /**
   * Where sessions are kept. Default: a table in this process. A shared store has a table of
   * `capacity` in front of it; a synchronous one of your own has its own TTL and capacity.
   */
  readonly store?: AffinityStore | SharedAffinityStore;
  /**
   * Only with a shared store, as the two that follow: how long a binding is believed without asking
   * again, at most half of `ttlMs`; milliseconds. Default 10,000; 1 to 86,400,000.
   */
  readonly cacheMs?: number;
  /**
   * With a shared store: how long a call waits for it at most; milliseconds. Default 250; 1 to
   * 60,000.
   */
  readonly loadTimeoutMs?: number;
  /**
   * With a shared store: bindings that wait to be written, at most. Default 10,000; 1 to 1,000,000.
   */
  readonly maxPending?: number;
}

export interface RecorderOptions {
  /**
   * Decisions kept, rounded up to a power of two; 48 bytes each. Default 4,096; 64 to 1,048,576.
   */
  readonly size?: number;
  /** One decision in this many is kept. Default 1, all; 1 to 1,000,000. */
  readonly every?: number;
}

export interface ServiceOptions {
  /** A policy, its name, or `{ name: options }`. Default `least_request`. */
  readonly policy?: PolicySpec;
  /**
   * Who judges outcomes, such as `{ consecutive_failures: { failures: 3 } }`. Default
   * `[consecutiveFailures()]`; an empty list switches passive ejection off.
   */
  readonly health?: readonly SignalSpec[];
  /**
   * Active checks, such as `{ http: { path: '/health' } }`; an endpoint is used while all of them
   * pass. Default none.
   */
  readonly checks?: readonly CheckSpec[];
  /**
   * No more than this share of the members is ejected at once, but always at least one; 0 to 1. A
   * number holds for all; an object distinguishes those that are out for what they answered
   * (default 0.1) from all together (`unreachable`, default 0.5).
   */
  readonly maxEjectionRatio?: number | Partial<EjectionRatios>;
  /**
   * Health is ignored while fewer than this share of the members are healthy. Default 0.5; 0 (off)
   * to 1.
   */
  readonly panicThreshold?: number;
  /**
   * How endpoints of lower priorities (higher numbers) step in. Default `{ overprovisioning: 1.4
   * }`.
   */
  readonly priority?: PriorityOptions;
  /** Calls stay in this process's zone as far as it can carry them. Default off. */
  readonly zone?: ZoneOptions;
  /**
   * Use only some of the endpoints, so that many clients do not each connect to all of many.
   * Default off.
   */
  readonly aperture?: ApertureOptions;
  /** Endpoints that come new, or return, get their weight little by little. Default off. */
  readonly slowStart?: SlowStartOptions;
  /** Sticky sessions by key: `true` for the defaults. Default off. */
  readonly affinity?: boolean | AffinityOptions;
  /** Asks servers how busy they are, for policies that go by it (`prequal`). Default: none. */
  readonly probes?: ProbeSource;
  /** Parameters for the resolver, such as Consul's `datacenter`. Checked by the resolver. */
  readonly discovery?: Readonly<Record<string, unknown>>;
  /**
   * How long `call()` waits for the first endpoint to be found before it fails; milliseconds.
   * Default 5,000; 0 (fails at once) to 31,536,000,000.
   */
  readonly waitForReadyMs?: number;
  /**
   * What a call's function threw says: an outcome, or a verdict with what is known of a repeat.
   * Default: `classifyError`. One that throws itself is not asked again for that call.
   */
  readonly classify?: Classify;
  /** Measure response times although the policy does not need them (for display). Default false. */
  readonly measureLatency?: boolean;
  /**
   * Keeps the last decisions of the service, where its calls went and why: `true` for the defaults.
   * Response times are measured then. Default off.
   */
  readonly recorder?: boolean | RecorderOptions;
  /**
   * Retries, hedging, breakers, limits, deadlines. Default: what was provably not sent is repeated
   * elsewhere.
   */
  readonly resilience?: ResilienceOptions;
}

export interface ServiceSettings {
  readonly policy: PolicySpec;
  readonly health: readonly HealthSignal[];
  readonly checks: readonly ActiveCheck[];
  readonly maxEjectionRatio: EjectionRatios;
  readonly panicThreshold: number;
  readonly priority: Required<PriorityOptions>;
  readonly zone: ZoneSettings | undefined;
  readonly aperture: ApertureSettings | undefined;
  readonly slowStart: SlowStartSettings | undefined;
  readonly affinity: AffinitySettings | undefined;
  readonly probes: ProbeSource | undefined;
  readonly discovery: Readonly<Record<string, unknown>>;
  readonly waitForReadyMs: number;
  readonly classify: Classify | undefined;
  readonly measureLatency: boolean;
  readonly recorder: RecorderSettings | undefined;
  readonly resilience: ResilienceSettings;
}

export interface AffinitySettings {
  readonly ttlMs: number;
  readonly capacity: number;
  readonly onUnavailable: 'move' | 'fail';
  readonly drainMs: number;
  readonly store: AffinityStore | SharedAffinityStore | undefined;
  readonly cacheMs: number;
  readonly loadTimeoutMs: number;
  readonly maxPending: number;
}

/** Whether sessions are in a store of several processes. */
export function isShared(store: unknown): store is SharedAffinityStore {
  const { load, bind } = (store ?? {}) as Partial<SharedAffinityStore>;
  return typeof load === 'function' && typeof bind === 'function';
}

const YEAR_MS = 31_536_000_000;
const DAY_MS = 86_400_000;
const HALF_HOUR_MS = 1_800_000;

const affinityStore: Reader<AffinitySettings['store']> = optional(
  described({ shape: { type: 'code' } }, (value, name) => {
    const { get, set } = (value ?? {}) as Partial<AffinityStore>;
    const isLocal = typeof get === 'function' && typeof set === 'function';
    if (isLocal || isShared(value)) return value as AffinityStore;
    throw invalidOption(name, value, 'a store with get and set, or a shared one with load and bind');
  }),
);

const affinity: Reader<AffinitySettings | undefined> = onOff(
  fields<AffinitySettings>({
    ttlMs: number(HALF_HOUR_MS, 1, YEAR_MS),
    capacity: integer(100_000, 1, 10_000_000),
    onUnavailable: oneOf('move', 'move', 'fail'),
    drainMs: number(0, 0, DAY_MS),
    store: affinityStore,
    cacheMs: number(10_000, 1, DAY_MS),
    loadTimeoutMs: number(250, 1, 60_000),
    maxPending: integer(10_000, 1, 1_000_000),
  }),
  false,
);

const recorder: Reader<RecorderSettings | undefined> = onOff(
  fields<RecorderSettings>(
    { size: integer(4_096, 64, 1_048_576), every: integer(1, 1, 1_000_000) },
    ({ size, every }) => ({ size: 2 ** Math.ceil(Math.log2(size)), every }),
  ),
  false,
);

const signal = named<readonly HealthSignal[]>(
  signalKinds,
  (value) => (typeof (value as HealthSignal | null)?.create === 'function' ? [value as HealthSignal] : undefined),
  'a health signal, its name, or { name: options }',
);

const signals: Reader<readonly HealthSignal[]> = described(
  { shape: { type: 'list', items: signal }, fallback: ['consecutive_failures'] },
  (value, name) => {
    if (value === undefined) return [consecutiveFailures()];
    if (Array.isArray(value)) return value.flatMap((each, index) => signal(each, `${name}[${index}]`));
    throw invalidOption(name, value, 'an array of health signals, such as [consecutiveFailures({ failures: 3 })]');
  },
);

function isCheck(check: Partial<ActiveCheck> | null): boolean {
  return typeof check?.ask === 'function' && typeof check.name === 'string' && typeof check.timing === 'object';
}

const check = named<ActiveCheck>(
  checkKinds,
  (value) => (isCheck(value as ActiveCheck) ? (value as ActiveCheck) : undefined),
  'a check, its name, or { name: options }',
);

const checks: Reader<readonly ActiveCheck[]> = described(
  { shape: { type: 'list', items: check }, fallback: [] },
  (value, name) => {
    if (value === undefined) return [];
    if (Array.isArray(value)) return value.map((each, index) => check(each, `${name}[${index}]`));
    throw invalidOption(name, value, "an array of checks, such as [httpCheck({ path: '/health' })]");
  },
);

const ratio = number(0.5, 0, 1);
const bothRatios = fields<EjectionRatios>({ answers: number(0.1, 0, 1), unreachable: ratio });
const ejectionRatios: Reader<EjectionRatios> = described(
  { shape: { type: 'choice', of: [ratio, bothRatios] }, fallback: { answers: 0.1, unreachable: 0.5 } },
  (value, name) => {
    if (value === undefined || (typeof value === 'object' && value !== null)) return bothRatios(value, name);
    const both = ratio(value, name);
    return { answers: both, unreachable: both };
  },
);

const anything: Reader<unknown> = unchecked();
const record: Reader<Readonly<Record<string, unknown>>> = described(
  { shape: { type: 'map', values: anything }, fallback: {} },
  (value, name) => {
    if (value === undefined) return {};
    if (isRecord(value)) return value;
    throw invalidOption(name, value, 'an object');
  },
);

const probeSource: Reader<ProbeSource | undefined> = optional(
  described({ shape: { type: 'code' } }, (value, name) => {
    if (typeof (value as ProbeSource | null)?.probe === 'function') return value as ProbeSource;
    throw invalidOption(name, value, 'an object with a probe function');
  }),
);

const NO_OPTIONS: ServiceOptions = Object.freeze({});

/** Each option from the last that sets it. One that is undefined does not hide an earlier one. */
export function mergeServiceOptions(...layers: readonly (ServiceOptions | undefined)[]): ServiceOptions {
  const given = layers.flatMap((layer) => Object.entries(layer ?? {})).filter(([, value]) => value !== undefined);
  if (given.length === 0) return NO_OPTIONS;
  // Not by assignment: a key `__proto__`, as parsed JSON may have it, is to be refused like any
  // other.
  return Object.fromEntries(given);
}

/** The readers of a service's options. What `policy` names, the mesh's registry knows. */
export const serviceSchema: Schema<ServiceSettings> = {
  policy: (value) => (value === undefined ? 'least_request' : value) as PolicySpec,
  health: signals,
  checks,
  maxEjectionRatio: ejectionRatios,
  panicThreshold: number(0.5, 0, 1),
  priority: readPriority,
  zone: readZone,
  aperture: readAperture,
  slowStart: readSlowStart,
  affinity,
  probes: probeSource,
  discovery: record,
  waitForReadyMs: number(5_000, 0, YEAR_MS),
  classify: callback(),
  measureLatency: boolean(false),
  recorder,
  resilience: readResilience,
};

/** Of a service without options: the same for all of them. */
let defaults: ServiceSettings | undefined;

/** What says how a shared store is asked. */
const OF_SHARED_STORES = ['cacheMs', 'loadTimeoutMs', 'maxPending'] as const satisfies (keyof AffinityOptions)[];

/**
 * Not by the reader of `affinity`: a configuration may say these of a store that the program has.
 */
function refuseIdle(context: string, given: unknown, read: AffinitySettings | undefined): void {
  if (!isRecord(given) || read === undefined || isShared(read.store)) return;
  const idle = OF_SHARED_STORES.find((name) => given[name] !== undefined);
  if (idle === undefined) return;
  throw new FairleadError(
    'FAIRLEAD_INVALID_OPTION',
    `${context}.affinity.${idle} (${show(given[idle], idle)}) means nothing without a shared store: ` +
      'allowed is none, or affinity.store with load and bind.',
  );
}

/** `context` leads every message: `service 'users'`. */
export function readServiceOptions(context: string, options: ServiceOptions | undefined): ServiceSettings {
  if (options !== undefined && (!isRecord(options) || Reflect.ownKeys(options).length > 0)) {
    const read = readOptions<ServiceSettings>(context, options, serviceSchema);
    refuseIdle(context, options.affinity, read.affinity);
    return read;
  }
  defaults ??= readOptions<ServiceSettings>(context, {}, serviceSchema);
  return defaults;
}
