import type { Routes } from '../shards/on-failure.js';
import type { Shard } from '../shards/shard.js';
import { Fail } from './fail.js';
import { ReplicaTarget } from './replica-target.js';

/**
 * The policy `replica`, for stores with replicas: as `fail`, but while a shard is down its replicas
 * answer what only reads.
 */
export class Replica extends Fail {
  override readonly usesReplicas: boolean = true;
  readonly #service: string;

  constructor(service: string) {
    super();
    this.#service = service;
  }

  protected override makeRoutes(shard: Shard): Routes {
    const target = new ReplicaTarget(shard, this.#service);
    return { serving: true, own: target, standIn: target, listing: target };
  }
}
