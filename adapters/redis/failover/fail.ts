import { admitAtOnce, type OnFailure, type Routes } from '../shards/on-failure.js';
import type { Shard } from '../shards/shard.js';

/**
 * The policy `fail`, for stores: commands for the keys of a shard that cannot be used fail at once,
 * as the shard itself refuses them. A shard that answers is used again: nothing was written
 * elsewhere meanwhile.
 */
export class Fail implements OnFailure {
  readonly usesReplicas: boolean = false;
  readonly standsIn: boolean = false;
  readonly rests: boolean = admitAtOnce.rests;
  readonly probe: OnFailure['probe'] = admitAtOnce.probe;
  readonly answered: OnFailure['answered'] = admitAtOnce.answered;
  readonly #routes = new WeakMap<Shard, Routes>();

  routesOf(shard: Shard): Routes {
    let routes = this.#routes.get(shard);
    if (routes === undefined) {
      routes = this.makeRoutes(shard);
      this.#routes.set(shard, routes);
    }
    return routes;
  }

  protected makeRoutes(shard: Shard): Routes {
    return { serving: true, own: shard, standIn: shard, listing: shard };
  }

  changed(): void {}

  left(): void {}

  topologyChanged(): void {}

  close(): void {}
}
