import type { SessionPreview, StickySessions } from '../affinity/sticky-sessions.js';
import type { Policy, PolicyContext, ProbeSource } from '../balancing/policy.js';
import type { Endpoint } from '../endpoint/endpoint.js';
import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import type { RotationOptions } from '../endpoint/rotation/rotation.js';
import type { Clock } from '../runtime/clock.js';
import type { FairleadError } from '../runtime/errors.js';
import type { Random } from '../runtime/random.js';
import type { FlightRecorder } from '../telemetry/flight-recorder.js';
import type { LeaseHost } from './lease.js';

/** What a view needs of the service it belongs to. */
export interface ViewHost extends LeaseHost<LiveEndpoint> {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly members: readonly LiveEndpoint[];
  /** What rotations go by. */
  readonly options: Pick<RotationOptions, 'panicThreshold' | 'zone'> & {
    readonly priority: Pick<RotationOptions, 'overprovisioning'>;
  };
  /** Whether some policy of the service needs response times. */
  readonly timed: boolean;
  readonly sticky: StickySessions | undefined;
  readonly probes: ProbeSource | undefined;
  /** Undefined while decisions are not recorded; where they are, calls are timed. */
  readonly recorder: FlightRecorder | undefined;
  byId(id: string): LiveEndpoint | undefined;
  /** A lease began, which will end by `finish`. */
  began(): void;
  /** Whether its breaker lets no call pass at the moment. */
  isShut(endpoint: LiveEndpoint): boolean;
  /** A lease on an endpoint that is about to return began: its outcome decides. */
  probe(endpoint: LiveEndpoint, lease: object): void;
  /** Rotations are new, or one that waited for its pickers is in use. */
  built(): void;
  /** Why there is no endpoint: closed, discovery failed, none registered. */
  explainEmpty(usable: boolean): FairleadError;
}

/** What a view is made of; all but the policy has a default. */
export interface ViewOptions {
  readonly policy: Policy;
  /** Default: the whole service. */
  readonly usable?: ((endpoint: Endpoint) => boolean) | undefined;
  readonly weighed?: PolicyContext['weighed'];
  /** Whose sessions its calls are. Default: the service's. */
  readonly sessions?: string | undefined;
  /** Whether its policy is the service's, and follows it where that changes. Default true. */
  readonly goesByService?: boolean | undefined;
  /** Whom its leases tell of their end. Default: the service. */
  readonly owner?: LeaseHost<LiveEndpoint> | undefined;
}

/** What an acquire would do. */
export interface ViewPreview {
  /** Undefined where the policy does not say what it would pick. */
  readonly endpoint: LiveEndpoint | undefined;
  /** What decides: the id asked for, the session, the return of an endpoint, or the policy. */
  readonly by: 'prefer' | 'session' | 'probe' | 'policy';
  readonly drew: readonly Endpoint[];
  /** Of the call's session, where it has one. */
  readonly session?: SessionPreview | undefined;
}
