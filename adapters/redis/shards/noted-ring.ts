import { createHash } from 'node:crypto';
import { addressOf, type Endpoint, type EndpointSpec } from '../../../src/index.js';
import type { PlacedShard, PlacementOptions } from './placement.js';
import type { Shard } from './shard.js';
import type { ShardSet } from './shard-set.js';

/** A topology as it is written down for others: all that its placement and connections need. */
export interface NotedRing extends Readonly<Record<keyof PlacementOptions, string>> {
  /** Sorted by name. */
  readonly shards: readonly NotedShard[];
}

export interface NotedShard {
  readonly name: string;
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly weight: number;
  readonly readOnly: boolean;
  /** Addresses of servers with the same data. */
  readonly replicas: readonly string[];
}

export function noteOf(set: ShardSet, { placement, compatibility }: PlacementOptions): NotedRing {
  const shards = set.shards.map((shard, i) => {
    const { id, host, port } = shard.endpoint.spec;
    const replicas = shard.replicas.map(({ address }) => address);
    return { name: shard.name, id, host, port, weight: set.weights[i]!, readOnly: shard.readOnly, replicas };
  });
  return { placement, compatibility, shards };
}

/** The digest of what placement depends on, and of where the servers are. */
export function ringDigest(options: PlacementOptions, shards: readonly (PlacedShard & { address: string })[]): string {
  const { placement, compatibility } = options;
  const placed = shards.map(({ name, address, weight }) => ({ name, address, weight }));
  return createHash('sha1')
    .update(JSON.stringify([{ placement, compatibility }, placed]))
    .digest('hex');
}

export const digestOf = (noted: NotedRing): string =>
  ringDigest(
    noted as unknown as PlacementOptions,
    noted.shards.map((each) => ({ ...each, address: addressOf(each) })),
  );

/** Whether each key has the owner here that it had there, by name. */
export function hasSameOwners({ shards: noted }: NotedRing, { shards, weights }: ShardSet): boolean {
  return (
    noted.length === shards.length &&
    noted.every(({ name, weight }, i) => name === shards[i]!.name && weight === weights[i])
  );
}

/** Whether what the noted shard held is at this one: the same server, or one that replicated it. */
export function isHeldBy(noted: NotedShard, { name, address }: Shard): boolean {
  if (noted.name !== name) return false;
  return address === addressOf(noted) || noted.readOnly || noted.replicas.includes(address);
}

/** For a server that discovery does not list: as much of an endpoint as a shard looks at. */
export function endpointOf({ id, host, port, weight, readOnly }: NotedShard): Endpoint {
  const meta: Record<string, string> = readOnly ? { role: 'replica' } : {};
  const spec: EndpointSpec = { id, host, port, weight, priority: 0, zone: '', tags: [], meta };
  return { spec } as Endpoint;
}
