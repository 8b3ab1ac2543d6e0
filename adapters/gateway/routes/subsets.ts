import { isOf } from '../../../src/adapter.js';
import type { Mesh, PolicySpec, RouteSubset, Subset } from '../../../src/index.js';

interface Shared {
  readonly subset: Subset;
  users: number;
}

/**
 * The subsets of routes. Those that ask for the same endpoints by the same policy share one, and it
 * outlives a change of routes, with what its picker has learnt.
 */
export class Subsets {
  readonly #mesh: Mesh;
  readonly #shared = new Map<string, Shared>();

  constructor(mesh: Mesh) {
    this.#mesh = mesh;
  }

  /** Undefined where the service itself will do. To be given back by `release`. */
  take(service: string, subset: RouteSubset | undefined, policy: PolicySpec | undefined): Subset | undefined {
    if (subset === undefined && policy === undefined) return undefined;
    const key = JSON.stringify([service, subset, policy]);
    let shared = this.#shared.get(key);
    if (shared === undefined) {
      const made = this.#mesh.service(service).subset({
        usable: (endpoint) => subset === undefined || isOf(subset, endpoint.spec),
        ...(policy !== undefined && { policy }),
        sessions: key,
      });
      shared = { subset: made, users: 0 };
      this.#shared.set(key, shared);
    }
    shared.users++;
    return shared.subset;
  }

  release(subset: Subset | undefined): void {
    for (const [key, shared] of this.#shared) {
      if (shared.subset !== subset) continue;
      if (--shared.users > 0) return;
      this.#shared.delete(key);
      shared.subset.close();
      return;
    }
  }
}
