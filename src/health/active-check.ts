import type { EndpointSpec } from '../endpoint/endpoint.js';
import { lazyCrypto } from '../runtime/lazy-modules.js';
import { boolean, integer, number, oneOf, type Schema } from '../runtime/options.js';

/**
 * Contract: an active check asks an endpoint how it is, apart from any call. Kinds: `httpCheck`,
 * `tcpCheck`, `grpcCheck`, `customCheck`.
 */
export interface ActiveCheck {
  /** The name in events and metrics, snake_case. */
  readonly name: string;
  /**
   * What it asks, as text: checks with an equal one ask the same, so an address that several
   * services list is asked once for all of them. Undefined: only this very object equals it.
   */
  readonly identity: string | undefined;
  readonly timing: CheckTiming;
  /**
   * Asks once. Resolves when the endpoint is well, rejects with the reason when it is not. Must
   * give up when the signal aborts: a check that ignores the signal is abandoned and no longer
   * counts as in progress.
   */
  ask(target: CheckTarget, signal: AbortSignal): Promise<void>;
}

/**
 * What a check knows about the endpoint. Services that list the same address share the check
 * whatever else differs.
 */
export type CheckTarget = Pick<EndpointSpec, 'host' | 'port'>;

/** When a check asks and how it takes the answers: the same options for every kind. */
export interface CheckTiming {
  /**
   * From the end of one check to the beginning of the next; milliseconds. Default 10,000; 10 to
   * 86,400,000.
   */
  readonly intervalMs: number;
  /** An answer later than this is none; milliseconds. Default 2,000; 1 to 3,600,000. */
  readonly timeoutMs: number;
  /**
   * Each interval is shortened or lengthened at random by up to this share. Default 0.1; 0 to 1.
   */
  readonly jitterRatio: number;
  /** This many failures in a row make an endpoint unhealthy. Default 3; 1 to 1,000. */
  readonly unhealthyThreshold: number;
  /**
   * This many passes in a row make it healthy again; the first of all checks decides alone. Default
   * 2; 1 to 1,000.
   */
  readonly healthyThreshold: number;
  /**
   * What an endpoint is until its first check is done: `healthy` (default) is used at once,
   * `unhealthy` is not used, not even in panic, before that.
   */
  readonly initially: 'healthy' | 'unhealthy';
  /**
   * Whether a pass ends an ejection that outcomes led to. Default false, as an endpoint that passes
   * its checks and fails its calls is what ejection is for; Envoy's default is true.
   */
  readonly clearsEjection: boolean;
}

export const checkTiming: Schema<CheckTiming> = {
  intervalMs: number(10_000, 10, 86_400_000),
  timeoutMs: number(2_000, 1, 3_600_000),
  jitterRatio: number(0.1, 0, 1),
  unhealthyThreshold: integer(3, 1, 1_000),
  healthyThreshold: integer(2, 1, 1_000),
  initially: oneOf('healthy', 'healthy', 'unhealthy'),
  clearsEjection: boolean(false),
};

/** The part of a check's options that is timing. */
export function timingOf<T extends CheckTiming>(options: T): CheckTiming {
  const { intervalMs, timeoutMs, jitterRatio, unhealthyThreshold, healthyThreshold, initially, clearsEjection } =
    options;
  return { intervalMs, timeoutMs, jitterRatio, unhealthyThreshold, healthyThreshold, initially, clearsEjection };
}

/**
 * The identity of a check with these options. A digest, as there may be tokens and keys among them.
 */
export function identityOf(kind: string, options: object): string {
  return `${kind} ${lazyCrypto().createHash('sha256').update(JSON.stringify(options)).digest('base64url')}`;
}
