import type { Endpoint } from '../endpoint/endpoint.js';
import type { RoutingKey } from '../runtime/context.js';
import type { Outcome } from '../runtime/outcome.js';
import type { Random } from '../runtime/random.js';

/**
 * What a call says of itself beside its key, by name, in lower case: its headers, its metadata.
 * Undefined where it says nothing of that name.
 */
export type Labels = (name: string) => string | undefined;

/** What a router may go by. */
export interface RouteRequest {
  readonly key?: RoutingKey | undefined;
  readonly labels?: Labels | undefined;
}

/**
 * Contract: a part of a service that a call is held to: an arm of a split, a lane. One object for
 * as long as it means the same; its pickers go on as long as it does.
 */
export interface Part {
  /** Unique within the service: whose its sessions are. */
  readonly name: string;
  /** Which endpoints belong to it. Asked for every member on every refresh, never per call. */
  has(endpoint: Endpoint): boolean;
  /**
   * No endpoint of it is well, or the call has tried them all: where it goes instead; undefined:
   * nowhere. Counts it, unless `dry` is given: then nothing changes, and what is drawn comes from
   * there.
   */
  spill(request: RouteRequest | undefined, dry?: Random): Part | undefined;
  /** The split and the arm that it is; undefined for another kind of part. */
  readonly arm?: { readonly split: string; readonly name: string } | undefined;
  /**
   * A call that was held to it ended. `latencyMs` is NaN where the service does not measure. Hot
   * path; must not throw.
   */
  ended(endpoint: Endpoint, outcome: Outcome, latencyMs: number): void;
}

/** A call that may be copied. */
export interface MirroredCall extends RouteRequest {
  /** A subset of the service, whose endpoints alone a copy can reach. Default: all of them. */
  readonly among?: object | undefined;
  /** Makes the copy; resolves with how it ended, and does not reject. */
  run(endpoint: Endpoint, signal: AbortSignal): Promise<Outcome>;
  /** How the call itself ended; undefined where that is not known. Does not reject. */
  readonly outcome: Promise<{ readonly outcome: Outcome; readonly ms: number } | undefined>;
}

/** Contract: copies idempotent calls, beside them. */
export interface Mirror {
  /** The call begins. Must not throw. */
  mirror(call: MirroredCall): void;
}

/** Contract: chooses the part of a service that a call is held to. */
export interface Router {
  /**
   * For a call that begins; undefined: anywhere. `dry` draws in place of its own stream. Hot path;
   * must not throw.
   */
  route(request: RouteRequest | undefined, dry?: Random): Part | undefined;
  /** Whether a call that says nothing of itself may reach it. */
  isOpen(endpoint: Endpoint): boolean;
  /** Undefined where no call is copied. */
  readonly mirror: Mirror | undefined;
  /** Whether this part is still one of its own. */
  owns(part: Part): boolean;
  /**
   * What the call has to say to whom it reaches, so that these route alike: a header's name and
   * value.
   */
  carried(request: RouteRequest | undefined): readonly [name: string, value: string] | undefined;
}
