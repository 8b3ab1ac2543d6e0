import type { Labels, Part } from '../picking/router.js';
import { type HedgeOverrides, type HedgeSettings, overrideHedge } from '../resilience/hedging.js';
import { overrideRetry, type RetryOverrides, type RetrySettings, readRetry } from '../resilience/retry.js';
import type { Classify, Verdict } from '../resilience/verdict.js';
import type { RoutingKey } from '../runtime/context.js';
import {
  boolean,
  callback,
  invalidOption,
  number,
  optional,
  type Reader,
  refuseUnknown,
  text,
  unchecked,
} from '../runtime/options.js';
import type { Outcome } from '../runtime/outcome.js';

export interface CallOptions {
  /** What to hash by, or to be sticky by. Default: none. */
  readonly key?: RoutingKey | undefined;
  /** The id of the endpoint to use, if it may be: as `AcquireRequest.prefer`. Default: none. */
  readonly prefer?: string | undefined;
  /**
   * What the call says of itself, for services whose calls are routed (`fairlead/routing`): its
   * headers, by name in lower case, or a function that returns one. Default: nothing.
   */
  readonly labels?: Labels | Readonly<Record<string, string | undefined>> | undefined;
  /**
   * `false`: this call is not copied to a shadow (`fairlead/routing`). Default true: it is, where
   * it is idempotent and its service says so.
   */
  readonly shadow?: boolean | undefined;
  /**
   * Whom limits per key count it for. Default: `key` where that is a string; with neither, none of
   * them applies.
   */
  readonly clientKey?: string | undefined;
  /** Cancels the call: it rejects with FAIRLEAD_CANCELLED whose cause is the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The call, all waiting and repeating included, may last this long; milliseconds. Default: the
   * service's, or none; 0 to 9,007,199,254,740,991.
   */
  readonly deadlineMs?: number | undefined;
  /**
   * Making it twice is as good as making it once: it may be repeated when it failed half-way, and
   * is made elsewhere as well when it had no answer for 500 ms (unless the service's `hedge` says
   * otherwise). Default: the service's, or false.
   */
  readonly idempotent?: boolean | undefined;
  /** `false`: no repeats. Options: over those of the service. Default: the service's. */
  readonly retry?: boolean | RetryOverrides | undefined;
  /**
   * `false`: no hedging. Options: over those of the service; where that says `false`, there is none
   * all the same. Default: the service's.
   */
  readonly hedge?: boolean | HedgeOverrides | undefined;
  /** Judges what `run` throws. Default: the service's `classify`. */
  readonly classify?: Classify | undefined;
  /**
   * Judges what `run` returns: a `Response` with status 503 speaks against its endpoint though
   * nothing was thrown. What is judged a failure is repeated as an error would be; the call ends
   * as its last attempt did, with such a result or with what that threw. Undefined, or a throw,
   * means a success. Default: every result is one.
   */
  classifyResult?(result: unknown): Outcome | Verdict | undefined;
}

/** For calls that have something to say where no endpoint serves them. */
export interface FallbackOption<F> {
  /**
   * What the call resolves with where no endpoint served it: a value, or a function of the error
   * (which may be asynchronous; the call's deadline is over by then). Not for errors of the
   * application, which are answers, nor where the caller gave up. Counted as
   * `callStats.fallbacks`. Default: none, the call rejects.
   */
  readonly fallback?: F | ((error: unknown) => F | Promise<F>);
}

/** The options of one call, read, over those of its service. */
export interface CallPlan {
  readonly key: RoutingKey | undefined;
  readonly prefer: string | undefined;
  readonly labels: Labels | undefined;
  /** What the call is held to: chosen once, when it begins. */
  readonly part: Part | undefined;
  readonly shadow: boolean;
  readonly clientKey: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly deadlineMs: number | undefined;
  readonly idempotent: boolean;
  readonly retry: RetrySettings | undefined;
  readonly hedge: HedgeSettings | undefined;
  readonly classify: Classify | undefined;
  readonly classifyResult: CallOptions['classifyResult'];
  /** Boxed: undefined is a value too. */
  readonly fallback: { readonly value: unknown } | undefined;
}

/**
 * Reads the options of one call over what its service says. Refuses bad ones by an error that names
 * them. Reads what is given and no more: this is done for every call.
 */
export function readCallOptions(options: CallOptions & FallbackOption<unknown>, defaults: CallPlan): CallPlan {
  refuseUnknown('call', options, SCHEMA);
  const { key, clientKey, deadlineMs, idempotent } = options;
  return {
    key: SCHEMA.key(key, 'call.key'),
    prefer: SCHEMA.prefer(options.prefer, 'call.prefer'),
    labels: SCHEMA.labels(options.labels, 'call.labels'),
    part: undefined,
    shadow: SCHEMA.shadow(options.shadow, 'call.shadow'),
    clientKey: SCHEMA.clientKey(clientKey, 'call.clientKey') ?? (typeof key === 'string' ? key : undefined),
    signal: SCHEMA.signal(options.signal, 'call.signal'),
    deadlineMs: SCHEMA.deadlineMs(deadlineMs, 'call.deadlineMs') ?? defaults.deadlineMs,
    idempotent: SCHEMA.idempotent(idempotent, 'call.idempotent') ?? defaults.idempotent,
    retry: SCHEMA.retry(options.retry, defaults.retry),
    hedge: SCHEMA.hedge(options.hedge, defaults.hedge),
    classify: SCHEMA.classify(options.classify, 'call.classify'),
    classifyResult: SCHEMA.classifyResult(options.classifyResult, 'call.classifyResult'),
    fallback: 'fallback' in options ? { value: options.fallback } : undefined,
  };
}

const DEFAULT_RETRY: RetrySettings = readRetry({}, 'retry');

const routingKey: Reader<RoutingKey | undefined> = optional((value, name) => {
  if (typeof value === 'string' || value instanceof Uint8Array) return value;
  throw invalidOption(name, value, 'a string or a Uint8Array');
});

const string: Reader<string | undefined> = optional((value, name) => {
  if (typeof value === 'string') return value;
  throw invalidOption(name, value, 'a string');
});

/** Also of `ready()`. */
export const abortSignal: Reader<AbortSignal | undefined> = optional((value, name) => {
  const { aborted, addEventListener } = (value ?? {}) as Partial<AbortSignal>;
  if (typeof aborted === 'boolean' && typeof addEventListener === 'function') return value as AbortSignal;
  throw invalidOption(name, value, 'an AbortSignal');
});

const labels: Reader<Labels | undefined> = optional((value, name) => {
  if (typeof value === 'function') return value as Labels;
  if (typeof value !== 'object' || value === null) throw invalidOption(name, value, 'a function or an object of texts');
  return (label) => (Object.hasOwn(value, label) ? (value as Record<string, string | undefined>)[label] : undefined);
});

function flagOrOptions(value: unknown, name: string): void {
  if (typeof value === 'boolean' || (typeof value === 'object' && value !== null)) return;
  throw invalidOption(name, value, 'true, false or an object of options');
}

function retryOver(own: CallOptions['retry'], base: RetrySettings | undefined): RetrySettings | undefined {
  if (own === undefined) return base;
  flagOrOptions(own, 'call.retry');
  if (own === false) return undefined;
  return own === true ? (base ?? DEFAULT_RETRY) : overrideRetry(own, 'call.retry', base ?? DEFAULT_RETRY);
}

function hedgeOver(own: CallOptions['hedge'], base: CallPlan['hedge']): CallPlan['hedge'] {
  if (own === undefined) return base;
  flagOrOptions(own, 'call.hedge');
  return own === false ? undefined : overrideHedge(own === true ? {} : own, 'call.hedge', base);
}

const SCHEMA = {
  key: routingKey,
  prefer: text(undefined),
  labels,
  shadow: boolean(true),
  clientKey: string,
  signal: abortSignal,
  deadlineMs: optional(number(0, 0, Number.MAX_SAFE_INTEGER)),
  idempotent: optional(boolean(false)),
  retry: retryOver,
  hedge: hedgeOver,
  classify: callback<Classify>(),
  classifyResult: callback<NonNullable<CallOptions['classifyResult']>>(),
  fallback: unchecked<unknown>(),
};
