import type { PolicyFactory } from '../../balancing/factory.js';
import type { RoutingKey } from '../../runtime/context.js';
import type { Random } from '../../runtime/random.js';
import type { Service } from '../../service/contract.js';
import type { ServiceOptions } from '../../service/options.js';
import type { Arrivals } from './arrivals.js';
import type { CallBehaviour } from './calls.js';
import type { Fault } from './faults.js';
import type { SimulatedServer } from './server.js';

export interface Simulation extends CallBehaviour {
  /** The same seed produces the same report. Default 1. */
  readonly seed?: number;
  /** How long calls keep arriving, milliseconds of simulated time. */
  readonly durationMs: number;
  /** Calls that begin earlier than this are not counted. Default 0. */
  readonly warmupMs?: number;
  /**
   * How long to wait for the last answers; what is missing then counts as failed. Default 60,000.
   */
  readonly drainMs?: number;
  readonly servers: readonly SimulatedServer[];
  readonly faults?: readonly Fault[];
  /** How the calls of each client arrive. */
  readonly arrivals: Arrivals;
  /** Clients, each with its own mesh that knows nothing of the others. Default 1. */
  readonly clients?: number;
  /**
   * What a real service would be given: the policy by name or as an object, health signals,
   * ejection limits.
   */
  readonly service?: ServiceOptions;
  /** Policies of your own that `service.policy` names. */
  readonly policies?: readonly PolicyFactory<never>[];
  /** The key of each call, for policies that hash and for sessions. Default: none. */
  readonly key?: (random: Random) => RoutingKey;
  /**
   * Called with each client's service before the first call: to listen to its events, for instance.
   */
  readonly observe?: (service: Service, client: number) => void;
}
