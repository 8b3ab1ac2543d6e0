/** The last decisions of a service. */
export interface FlightLog {
  /** All that is held now. O(decisions): for exports, not for calls. */
  read(): Flight;
  /** Those that were kept, oldest first: the last four. */
  readonly frozen: readonly Flight[];
  /**
   * Keeps a copy as it is now, and goes on. `reason` is for whoever reads it; `fairlead/monitor`
   * does so when it raises an alert of the service.
   */
  freeze(reason: string): void;
}

/**
 * Contract: what a flight recorder saw, as plain values that JSON can hold. Columns rather than
 * rows: entry `i` of each is of decision `i`, oldest first. No key and no payload is in it.
 */
export interface Flight {
  /** Of this form; another number is another form. */
  readonly version: 1;
  readonly service: string;
  /** The policy as it is when this is read. */
  readonly policy: string;
  /** One decision in this many is in it. */
  readonly every: number;
  /** Why it was kept; null for what is read while it goes on. */
  readonly reason: string | null;
  /** The time of the calendar of the first decision; null without any. */
  readonly fromMs: number | null;
  readonly endpoints: readonly FlightEndpoint[];
  /** Milliseconds since `fromMs`. */
  readonly atMs: readonly number[];
  /** Index into `endpoints`. */
  readonly endpoint: readonly number[];
  /** What decided: 0 the policy, 1 the id that the call preferred, 2 its session, 3 a probe. */
  readonly by: readonly number[];
  /** A number of `Outcome`; -1 for a call that had not ended, or was lost sight of. */
  readonly outcome: readonly number[];
  /** Milliseconds; -1 as for `outcome`. */
  readonly latencyMs: readonly number[];
  /** Calls in progress on the endpoint, this one included. */
  readonly inflight: readonly number[];
  /** The endpoint's latency as policies knew it; -1 where they did not. */
  readonly ewmaMs: readonly number[];
  /** Its weight in use. */
  readonly weight: readonly number[];
  /** How many might be picked. */
  readonly ready: readonly number[];
  /** A salted hash of the call's key: equal for equal keys of this recorder; 0 without one. */
  readonly key: readonly number[];
}

export interface FlightEndpoint {
  readonly id: string;
  /** As discovery reported it when it was first recorded. */
  readonly weight: number;
  readonly zone: string;
  readonly priority: number;
}
