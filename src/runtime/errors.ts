/**
 * One error class, told apart by `code`. Match on the code, not on the message: messages may be
 * reworded in any release, codes may not. Nothing that is secret (token, password, DSN) is ever put
 * into one.
 */
export type FairleadErrorCode =
  /** An option, policy name, endpoint or configuration was refused. */
  | 'FAIRLEAD_INVALID_OPTION'
  /** The service knows no endpoint at all, or none that this subset may use. */
  | 'FAIRLEAD_NO_ENDPOINT'
  /** A pool gave no connection: its limit, its queue or the time to wait was exhausted. */
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
  /** A command makes no sense over several shards. Nothing was sent. */
  | 'FAIRLEAD_UNROUTABLE'
  /** The mesh, service or subset was closed. */
  | 'FAIRLEAD_CLOSED'
  /**
   * The registry of instances could not be read, or answered something that is no list of
   * instances.
   */
  | 'FAIRLEAD_DISCOVERY'
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

const BRAND = Symbol.for('fairlead.error');

/**
 * What fairlead throws and rejects with. The message says what happened, to what, and what to do.
 */
export class FairleadError extends Error {
  override readonly name: string = 'FairleadError';
  readonly code: FairleadErrorCode;
  /** The service it happened to, where there is one. */
  readonly service: string | undefined;
  /** The id of the endpoint it happened to, where there is one. */
  readonly endpoint: string | undefined;
  /** Milliseconds after which the same call is worth another try, where that is known. */
  readonly retryAfterMs: number | undefined;

  constructor(code: FairleadErrorCode, message: string, details: FairleadErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.service = details.service;
    this.endpoint = details.endpoint;
    this.retryAfterMs = details.retryAfterMs;
  }

  static {
    // On the prototype: defining it on each error costs as much as all the rest of one without a
    // stack.
    Object.defineProperty(FairleadError.prototype, BRAND, { value: true });
  }

  /** True also for errors of another copy of fairlead in the same process. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && Reflect.get(value, BRAND) === true;
  }
}

/** The thrown thing as an Error: callers may throw anything at all. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
