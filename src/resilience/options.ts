import {
  boolean,
  described,
  fields,
  integer,
  invalidOption,
  number,
  onOff,
  optional,
  type Reader,
} from '../runtime/options.js';
import { type RateOptions, type RateSettings, readRate } from '../runtime/token-bucket.js';
import { type CircuitBreakerOptions, readCircuitBreaker } from './circuit-breaker.js';
import { type ClientThrottleOptions, readClientThrottle } from './client-throttle.js';
import {
  type DistributedLimitOptions,
  type DistributedLimitSettings,
  readDistributedLimit,
} from './distributed-limit.js';
import { type GradientLimitOptions, readGradientLimit } from './gradient-limit.js';
import { type HedgeOptions, implicitHedge, readHedge, type ServiceHedgeSettings } from './hedging.js';
import { type KeyedRateOptions, type KeyedRateSettings, readKeyedRate } from './keyed-rate.js';
import { type KeyedWindowOptions, readKeyedWindow } from './keyed-window.js';
import { type RetryOptions, readRetry, type ServiceRetrySettings } from './retry.js';

export interface LimitOptions {
  /** Calls in flight to the whole service; 1 to 1,000,000. Default: no limit. */
  readonly maxInflight?: number;
  /** Calls in flight to each endpoint; 1 to 1,000,000. Default: no limit. */
  readonly maxInflightPerEndpoint?: number;
  /**
   * How many calls of `call()` may wait for a limit of calls in flight, of which there must be one;
   * 0 to 1,000,000. Default 0: refused at once.
   */
  readonly maxPending?: number;
  /** A limit of calls in flight that finds itself: `true` for the defaults. Default off. */
  readonly adaptive?: boolean | GradientLimitOptions;
  /** The same, one for each endpoint. Default off. */
  readonly adaptivePerEndpoint?: boolean | GradientLimitOptions;
  /** Calls per second to the whole service. Default: no limit. */
  readonly rate?: RateOptions;
  /** Calls per second to each endpoint. Default: no limit. */
  readonly ratePerEndpoint?: RateOptions;
  /** Calls per second for each client key. Default: no limit. */
  readonly ratePerKey?: KeyedRateOptions;
  /** Calls per window for each client key. Default: no limit. */
  readonly windowPerKey?: KeyedWindowOptions;
  /** A limit shared with other processes; only for `call()`. Default: none. */
  readonly distributed?: DistributedLimitOptions;
}

export interface ResilienceOptions {
  /**
   * Every call, its waits and repeats included, may last this long unless it says otherwise;
   * milliseconds. Default: no deadline; 0 to 31,536,000,000.
   */
  readonly deadlineMs?: number;
  /**
   * Whether all calls of this service may safely be made twice, unless a call says otherwise.
   * Default false.
   */
  readonly idempotent?: boolean;
  /**
   * Repeats of failed calls. Default on: what was provably not sent is repeated on another
   * endpoint, anything else only for idempotent calls. `false` switches it off.
   */
  readonly retry?: boolean | RetryOptions;
  /**
   * Another attempt beside one that is slow, for idempotent calls. Default: after 500 ms, at most
   * three at once, for 20 % of the calls and 10 per second. `false` switches it off; `true` is
   * hedging at the live 99th percentile.
   */
  readonly hedge?: boolean | HedgeOptions;
  /** A circuit breaker for the whole service. Default off. */
  readonly breaker?: boolean | CircuitBreakerOptions;
  /** One for each endpoint, beside the ejection of `health`: without its cap. Default off. */
  readonly breakerPerEndpoint?: boolean | CircuitBreakerOptions;
  /** Refuse calls here when the service turns most of them away. Default off. */
  readonly throttle?: boolean | ClientThrottleOptions;
  /** Calls in flight, and calls per second. Default: none. */
  readonly limits?: LimitOptions;
}

export interface LimitsSettings {
  readonly maxInflight: number | undefined;
  readonly maxInflightPerEndpoint: number | undefined;
  readonly maxPending: number;
  readonly adaptive: Required<GradientLimitOptions> | undefined;
  readonly adaptivePerEndpoint: Required<GradientLimitOptions> | undefined;
  readonly rate: RateSettings | undefined;
  readonly ratePerEndpoint: RateSettings | undefined;
  readonly ratePerKey: KeyedRateSettings | undefined;
  readonly windowPerKey: Required<KeyedWindowOptions> | undefined;
  readonly distributed: DistributedLimitSettings | undefined;
}

export interface ResilienceSettings {
  readonly deadlineMs: number | undefined;
  readonly idempotent: boolean;
  readonly retry: ServiceRetrySettings | undefined;
  readonly hedge: ServiceHedgeSettings | undefined;
  readonly breaker: Required<CircuitBreakerOptions> | undefined;
  readonly breakerPerEndpoint: Required<CircuitBreakerOptions> | undefined;
  readonly throttle: Required<ClientThrottleOptions> | undefined;
  readonly limits: LimitsSettings;
}

const YEAR_MS = 31_536_000_000;

/** The limits whose calls may wait: the end of another makes room. */
const WAITED_FOR = ['maxInflight', 'maxInflightPerEndpoint', 'adaptive', 'adaptivePerEndpoint'] as const;

const limits: Reader<LimitsSettings> = fields<LimitsSettings>(
  {
    maxInflight: optional(integer(1, 1, 1_000_000)),
    maxInflightPerEndpoint: optional(integer(1, 1, 1_000_000)),
    maxPending: integer(0, 0, 1_000_000),
    adaptive: onOff(readGradientLimit, false),
    adaptivePerEndpoint: onOff(readGradientLimit, false),
    rate: optional(readRate),
    ratePerEndpoint: optional(readRate),
    ratePerKey: optional(readKeyedRate),
    windowPerKey: optional(readKeyedWindow),
    distributed: optional(readDistributedLimit),
  },
  (read, name) => {
    if (read.maxPending === 0 || WAITED_FOR.some((limit) => read[limit] !== undefined)) return read;
    const allowed = `0, or more beside one of ${WAITED_FOR.join(', ')}`;
    throw invalidOption(`${name}.maxPending`, read.maxPending, allowed);
  },
  `\`maxPending\` above 0 beside one of ${WAITED_FOR.map((limit) => `\`${limit}\``).join(', ')}`,
);

const readGivenHedge = onOff(readHedge, false);
const hedge: Reader<ServiceHedgeSettings | undefined> = described(
  { shape: readGivenHedge.about!.shape },
  (value, name) => (value === undefined ? implicitHedge : readGivenHedge(value, name)),
);

export const readResilience: Reader<ResilienceSettings> = fields<ResilienceSettings>({
  deadlineMs: optional(number(0, 0, YEAR_MS)),
  idempotent: boolean(false),
  retry: onOff(readRetry, true),
  hedge,
  breaker: onOff(readCircuitBreaker, false),
  breakerPerEndpoint: onOff(readCircuitBreaker, false),
  throttle: onOff(readClientThrottle, false),
  limits,
});
