import type { Endpoint, Rotation } from '../endpoint/endpoint.js';
import type { Clock } from '../runtime/clock.js';
import type { RoutingKey } from '../runtime/context.js';
import type { Outcome } from '../runtime/outcome.js';
import type { Random } from '../runtime/random.js';
import type { Oddities } from './oddities.js';

/**
 * Contract: a load-balancing policy. The core owns the counters (calls in flight, latency, weight);
 * a policy reads them and chooses. Everything here runs on the event loop, never concurrently with
 * itself.
 */
export interface Policy {
  /** The name in configuration and metrics, snake_case. */
  readonly name: string;
  /**
   * Whether the core must measure response times for it. Reading the clock costs several times a
   * pick, so a policy that does not need it must not ask for it. Also decides whether
   * `PickRequest.nowMs` is set.
   */
  readonly needsLatency: boolean;
  /**
   * Time constant of the peak EWMA in `Endpoint.latencyMs`, milliseconds; only with `needsLatency`.
   * Default 10,000.
   */
  readonly decayMs?: number;
  /**
   * Whether the key decides where a call goes. Then a returning endpoint is probed by a call that
   * belongs to it, never by one whose key belongs elsewhere.
   */
  readonly usesKey?: boolean;
  /** Called once per service or subset that uses the policy: whose state is in what it returns. */
  create(context: PolicyContext): Picker;
}

export interface PolicyContext {
  readonly clock: Clock;
  readonly random: Random;
  /** The service's name, for error messages. */
  readonly service: string;
  /** For policies that ask servers how busy they are: undefined where nothing can. */
  readonly probes?: ProbeSource | undefined;
  /**
   * For metrics: called whenever a policy has weighed its endpoints by what they report. Does not
   * throw.
   */
  readonly weighed?: ((weighing: Weighing) => void) | undefined;
  /**
   * Where the policies that come with fairlead count what `ServiceSnapshot.oddities` shows.
   */
  readonly oddities?: Oddities | undefined;
  /** To be called by a picker that was `building` and is no longer. Does not throw. */
  readonly built?: (() => void) | undefined;
}

/**
 * What weights a policy made of the load that endpoints report. For metrics, under the words of
 * gRFC A78.
 */
export interface Weighing {
  /** As reported, by endpoint of the rotation; 0 for those without a usable report. */
  readonly weights: readonly number[];
  /** How many have not reported yet, or not for long enough. */
  readonly notYetUsable: number;
  /** How many have not reported for too long. */
  readonly stale: number;
  /** Fewer than two have a usable report: endpoints take turns as configured. */
  readonly fallback: boolean;
}

/**
 * Asks servers how busy they are: given to a service by those whose protocol can carry the
 * question.
 */
export interface ProbeSource {
  /**
   * Asks one endpoint. `reply` takes the server's calls in progress and how long it takes for a
   * call under that load, milliseconds; later or at once, or never where there is no answer. Called
   * up to a few times per call, so it should be cheap; what it throws counts as no answer.
   */
  probe(endpoint: Endpoint, reply: (inflight: number, latencyMs: number) => void): void;
}

/** A policy at work on one service or subset. */
export interface Picker {
  /**
   * Whether it is still preparing for its first rotation, turn by turn, so that a long list stops
   * no other work. Until it calls `PolicyContext.built` the service is not ready; a pick made all
   * the same must finish the work at once.
   */
  readonly building?: boolean;
  /**
   * Called with every new rotation, before the first pick, and seldom compared with picks: do here
   * whatever can be done here. What was learnt about an endpoint that stays must be kept; endpoints
   * are compared by object identity. May allocate; must not throw.
   */
  update(rotation: Rotation): void;
  /**
   * Chooses one of `rotation.ready`, which is not empty. Must avoid `request.tried` while there is
   * an endpoint not in it, and ignore `tried` when all were. Synchronous, O(1) or O(log n); does
   * not throw, does not allocate, does not keep the request (the object is reused).
   */
  pick(request: PickRequest): Endpoint;
  /**
   * Called when a call ends, before the endpoint's counters are read again. For policies that keep
   * statistics of their own; `latencyMs` and `nowMs` are NaN unless `needsLatency`. Must not throw
   * or allocate.
   */
  observe?(endpoint: Endpoint, outcome: Outcome, latencyMs: number, nowMs: number): void;
  /** No pick follows: ends what it does between picks. */
  close?(): void;
  /**
   * For `Service.explain`: what the policy makes of an endpoint of the rotation, as of `nowMs`.
   * Changes nothing. Not on the hot path: may allocate.
   */
  describe?(endpoint: Endpoint, request: PickRequest): Description;
  /**
   * For `Service.explain`: what `pick` would do with this request now, by draws from `random` in
   * place of its own. Changes nothing that a pick goes by: no cursor, no statistics. Not on the hot
   * path: may allocate. A policy without it is explained without a choice.
   */
  preview?(request: PickRequest, random: Random): Preview;
}

/** What a policy makes of an endpoint. */
export interface Description {
  /**
   * What the policy compares: the lower, the better. Undefined where it compares nothing (a turn, a
   * draw by weight, the owner of a key).
   */
  readonly cost?: number;
  /** What the cost, or the share of the calls, is made of: numbers by name, such as `inflight`. */
  readonly parts: Readonly<Record<string, number>>;
}

/** What a pick would do. */
export interface Preview {
  readonly endpoint: Endpoint;
  /** Those that were drawn to be compared, in order; the chosen one alone where none were. */
  readonly drew: readonly Endpoint[];
}

export interface PickRequest {
  /** What to hash or to be sticky by; undefined where the caller gave none. */
  readonly key: RoutingKey | undefined;
  /** Endpoints that this call already tried, by object identity. */
  readonly tried: readonly Endpoint[] | undefined;
  /** The clock's time, if the policy needs latency; NaN otherwise. */
  readonly nowMs: number;
}
