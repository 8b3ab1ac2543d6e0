import type { EndpointState } from '../endpoint/endpoint.js';
import type { FairleadErrorCode } from '../runtime/errors.js';

/**
 * Why an endpoint is not among those that the policy chooses from:
 *
 * - `draining`: gone from discovery; `unhealthy`: a check or its registry says no; `unchecked`: its
 *   first check has not passed; `ejected`: out because of outcomes; `probing`: it waits for the one
 *   call that decides about its return, or that call is in progress.
 * - `aperture`: this client does not use it; `subset`: the subset does not; `part`: the call is
 *   held to an arm of a split, or a lane, that it is not of.
 * - `priority`, `zone`: others carry the calls.
 * - `tried`: the call was there before; `limit`: it is at a limit of its own; `breaker`: its
 *   breaker is open.
 */
export type Exclusion =
  | 'draining'
  | 'unhealthy'
  | 'unchecked'
  | 'ejected'
  | 'probing'
  | 'aperture'
  | 'subset'
  | 'part'
  | 'priority'
  | 'zone'
  | 'tried'
  | 'limit'
  | 'breaker';

/** An endpoint, as a pick sees it. */
export interface Candidate {
  /** Its id. */
  readonly endpoint: string;
  readonly address: string;
  readonly zone: string;
  readonly priority: number;
  readonly state: EndpointState;
  /** Undefined where the policy may choose it. */
  readonly excluded: Exclusion | undefined;
  /**
   * What the policy compares: the lower, the better. Undefined where it compares nothing, or does
   * not say.
   */
  readonly cost: number | undefined;
  /**
   * What the cost, or its share, is made of, by names of the policy's: docs/policies.md has them.
   * What is not known yet is not among them.
   */
  readonly parts: Readonly<Record<string, number>>;
}

/** What a call with this request would meet now, and why. Plain values: as JSON it is the same. */
export interface Explanation {
  readonly service: string;
  readonly policy: string;
  /** The `sessionHash` of the call's key: a key may be a credential. Undefined without one. */
  readonly key: string | undefined;
  /** So few are healthy that health is ignored. */
  readonly panic: boolean;
  /** All that discovery lists, and those that drain, in the order of their ids. */
  readonly candidates: readonly Candidate[];
  /** Ids of those that were drawn to be compared, in order. */
  readonly drew: readonly string[];
  /**
   * The id of the endpoint. Undefined where the call is refused, and under a policy that does not
   * say (`Picker.preview`).
   */
  readonly chosen: string | undefined;
  /**
   * What decided: the id that the call prefers, its session, the return of an endpoint that waits
   * for one call, or the policy.
   */
  readonly by: 'prefer' | 'session' | 'probe' | 'policy' | undefined;
  /**
   * Of a call with a key, where the service has affinity. `bound`: it stays at `home`; `moves`: its
   * home cannot be used; `begins`: it is new; `placed`: it is new and the table of sessions is
   * full.
   */
  readonly session:
    | { readonly state: 'bound' | 'moves' | 'begins' | 'placed'; readonly home: string | undefined }
    | undefined;
  /** The arm of a split that the call is held to. */
  readonly split: { readonly split: string; readonly name: string } | undefined;
  /** The arm that it was given first, where nothing of that one is well, or left to try. */
  readonly spilledFrom: { readonly split: string; readonly name: string } | undefined;
  /** The lane that the call is of. */
  readonly lane: string | undefined;
  /** The error that the call would be refused with. */
  readonly refused: { readonly code: FairleadErrorCode; readonly message: string } | undefined;
}
