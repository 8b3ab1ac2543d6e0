import type { PlacementName, ShardedSettings } from '../common/options.js';
import type { ShardSet } from './shard-set.js';
import type { ShardState } from './state.js';

/** What the placement depends on, for people and for clients in other languages. */
export interface RingDescription {
  readonly service: string;
  /** Counts the changes of the topology that this client has seen. */
  readonly generation: number;
  readonly placement: PlacementName;
  /** Whose rounding of points per server, for `ketama`. */
  readonly compatibility: string;
  /** Sorted by name. */
  readonly shards: readonly {
    readonly name: string;
    readonly address: string;
    readonly weight: number;
    readonly state: ShardState;
    /** With the policy `replica`. */
    readonly replicas: readonly { readonly id: string; readonly address: string; readonly state: ShardState }[];
  }[];
}

export function describe(
  { service, placement, compatibility }: ShardedSettings,
  { generation, shards }: ShardSet,
): RingDescription {
  return {
    service,
    generation,
    placement,
    compatibility,
    shards: shards.map(({ name, address, weight, state, replicas }) => ({
      name,
      address,
      weight,
      state,
      replicas: replicas.map((each) => ({ id: each.endpoint.spec.id, address: each.address, state: each.state })),
    })),
  };
}
