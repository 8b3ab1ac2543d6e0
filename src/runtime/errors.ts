/**
 * What distinguishes the errors of fairlead. Match on the code, not on the message: messages may be
 * reworded in any release, codes may not.
 */
export type FairleadErrorCode =
  /** An option, policy name, endpoint or configuration was refused. */
  | 'FAIRLEAD_INVALID_OPTION'
  /** The service knows no endpoint at all, or none that this subset may use. */
  | 'FAIRLEAD_NO_ENDPOINT'
  /** The webhook of a monitor did not take alerts. */
  | 'FAIRLEAD_WEBHOOK'
  /** A pool returned no connection: its limit, its queue or the time to wait was exhausted. */
  | 'FAIRLEAD_NO_CONNECTION'
  /** Two servers of a replicated database accept writes, and nothing says which one is right. */
  | 'FAIRLEAD_TWO_PRIMARIES'
  /** Affinity is set to fail and the endpoint of this session is not available. */
  | 'FAIRLEAD_AFFINITY_LOST'
  /** The deadline of the call passed. */
  | 'FAIRLEAD_DEADLINE_EXCEEDED'
  /** The caller's signal aborted. */
  | 'FAIRLEAD_CANCELLED'
  /**
   * Refused here: the circuit breaker is open. Nothing was sent; `retryAfterMs` says when to come
   * back.
   */
  | 'FAIRLEAD_CIRCUIT_OPEN'
  /**
   * Refused here: as many calls as allowed are in flight, and as many as allowed wait. Nothing was
   * sent.
   */
  | 'FAIRLEAD_TOO_MANY_CALLS'
  /** Refused here: a rate limit is reached. Nothing was sent. */
  | 'FAIRLEAD_RATE_LIMITED'
  /** Refused here: the service turns away too many calls. Nothing was sent. */
  | 'FAIRLEAD_THROTTLED'
  /**
   * A call failed for good (its `cause` says how), but an earlier attempt of it may have taken
   * effect.
   */
  | 'FAIRLEAD_UNCERTAIN'
  /** A command names keys of several shards and cannot be split. Nothing was sent. */
  | 'FAIRLEAD_CROSS_SHARD'
  /** A command that was split between shards failed on some of them. */
  | 'FAIRLEAD_PARTIAL_RESULT'
  /** The shard that owns a key is down. Nothing was sent. */
  | 'FAIRLEAD_SHARD_UNAVAILABLE'
  /**
   * The shard that owns a key has replicas only at the moment, and the command may write. Nothing
   * was sent.
   */
  | 'FAIRLEAD_READ_ONLY'
  /**
   * A command makes no sense over several shards, or a statement not where its session is. Nothing
   * was sent.
   */
  | 'FAIRLEAD_UNROUTABLE'
  /** Keys that have another owner now were not brought there in time, or were given up. */
  | 'FAIRLEAD_HANDOVER'
  /** A Redis command names a key that is kept for fairlead's own notes. Nothing was sent. */
  | 'FAIRLEAD_RESERVED_KEY'
  /** What a statement wrote was rolled back, because nothing could commit it any more. */
  | 'FAIRLEAD_ROLLED_BACK'
  /** The mesh, service or subset was closed. */
  | 'FAIRLEAD_CLOSED'
  /**
   * The registry of instances could not be read, or answered something that is not a list of
   * instances.
   */
  | 'FAIRLEAD_DISCOVERY'
  /** The registry knows that there is no such service: a misspelt name, most likely. */
  | 'FAIRLEAD_UNLISTED'
  /** An instance could not be registered or deregistered. */
  | 'FAIRLEAD_REGISTRATION'
  /** The name is taken by something with other options. */
  | 'FAIRLEAD_CONFLICT';

export interface FairleadErrorDetails {
  readonly service?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly cause?: unknown;
  readonly retryAfterMs?: number | undefined;
}

/** Class to the symbol that its errors carry. */
const brands = new WeakMap<object, symbol>();

/**
 * Makes `instanceof` of an error class true for its errors of any copy of fairlead in the process,
 * and for no others. `name` is the same in every release. A class that is derived without its own
 * brand goes by its prototype.
 */
export function brandErrors(type: { readonly prototype: Error }, name: string): void {
  const brand = Symbol.for(name);
  // On the prototype: defining it on each error costs as much as all the rest of one without a
  // stack.
  Object.defineProperty(type.prototype, brand, { value: true });
  brands.set(type, brand);
}

/**
 * What fairlead throws and rejects with: one class, distinguished by `code`. The message says what
 * happened, to what, and what to do. Nothing that is secret (a token, a password, a DSN) is put
 * into one.
 */
export class FairleadError extends Error {
  override readonly name: string = 'FairleadError';
  readonly code: FairleadErrorCode;
  /** The service it happened to, where there is one. */
  readonly service: string | undefined;
  /** The id of the endpoint it happened to, where there is one. */
  readonly endpoint: string | undefined;
  /**
   * Milliseconds after which the same call is worth another try, where that is known: a number from
   * 0, Infinity for never.
   */
  readonly retryAfterMs: number | undefined;

  constructor(code: FairleadErrorCode, message: string, details: FairleadErrorDetails = {}) {
    const { service, endpoint, cause, retryAfterMs } = details;
    // A refusal has nothing but our own words in it, and must cost next to nothing.
    super(retryAfterMs === undefined ? printable(message) : message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.service = service;
    this.endpoint = endpoint;
    // It may have come from a server or a store, by way of arithmetic.
    this.retryAfterMs = typeof retryAfterMs === 'number' && retryAfterMs >= 0 ? retryAfterMs : undefined;
  }

  static {
    Object.defineProperty(FairleadError, Symbol.hasInstance, { value: isInstance });
    brandErrors(FairleadError, 'fairlead.error');
  }
}

/**
 * `instanceof` of FairleadError and of all that are derived from it: `this` is the class that is
 * asked.
 */
function isInstance(this: object, value: unknown): boolean {
  const brand = brands.get(this);
  if (brand === undefined) return Function.prototype[Symbol.hasInstance].call(this, value);
  try {
    return typeof value === 'object' && value !== null && Reflect.get(value, brand) === true;
  } catch {
    // A proxy that throws is not one of our errors.
    return false;
  }
}

/**
 * Control characters, and those that change the direction of what follows: in a log they are lines
 * and colours.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** No message is longer: it may quote what a registry, a server or a user sent. */
const MAX_MESSAGE = 4_000;

/**
 * Text from outside as it may stand in a message or a log line: on one line, visible, not too long.
 */
export function printable(text: string): string {
  const short = text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)}…` : text;
  return short.replace(UNPRINTABLE, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The thrown thing as an Error: callers may throw anything at all. */
export function toError(thrown: unknown): Error {
  try {
    return thrown instanceof Error ? thrown : new Error(String(thrown));
  } catch {
    // An object without a prototype, or one whose toString throws.
    return new Error('What was thrown cannot be shown.');
  }
}
