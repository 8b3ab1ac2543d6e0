import type { Mesh } from '../mesh.js';
import { type Canary, type CanaryStatus, startCanary } from '../routing/canary/canary.js';
import type { ConfiguredRouting } from '../routing/configured.js';
import { LiveRouting, type Routing } from '../routing/routing.js';
import { SafeEmitter } from '../runtime/emitter.js';
import { FairleadError, toError } from '../runtime/errors.js';
import { isSame } from '../runtime/same.js';
import type { LiveService } from '../service/service.js';

/** What documents say of routing, by the name of the service. */
export type RoutingByService = Readonly<Record<string, ConfiguredRouting>>;

interface RoutingsEvents {
  readonly canary: readonly [event: { readonly service: string; readonly status: CanaryStatus }];
  readonly failed: readonly [error: Error];
}

interface Live {
  readonly said: ConfiguredRouting;
  readonly routing: LiveRouting;
  readonly canary: Canary | undefined;
}

/** One for each mesh: what is in force outlives the store that put it in force. */
const known = new WeakMap<Mesh, Routings>();

export function routingsOf(mesh: Mesh): Routings {
  let routings = known.get(mesh);
  if (routings === undefined) {
    routings = new Routings(mesh);
    known.set(mesh, routings);
  }
  return routings;
}

/**
 * Routes services as a document says. What it says again goes on as it is: counts, and a canary in
 * its step, or barred. A canary begins anew where its own options, or what its arm selects, change.
 */
export class Routings {
  readonly events: SafeEmitter<RoutingsEvents> = new SafeEmitter({ canary: true, failed: true });
  readonly #mesh: Mesh;
  readonly #live = new Map<string, Live>();
  #said: RoutingByService = {};

  constructor(mesh: Mesh) {
    this.#mesh = mesh;
    // Those that are made later are routed from their first call on.
    mesh.follow((service) => this.#put(service as LiveService));
  }

  routing(service: string): Routing | undefined {
    return this.#live.get(service)?.routing;
  }

  canary(service: string): Canary | undefined {
    return this.#live.get(service)?.canary;
  }

  /** Throws FAIRLEAD_CONFLICT where the program routes a service, or judges a canary, by itself. */
  check(said: RoutingByService): void {
    for (const [name, next] of Object.entries(said)) {
      const live = this.#live.get(name);
      const { router } = (this.#mesh.services.get(name) ?? {}) as Partial<LiveService>;
      if (router !== undefined && (live === undefined || live.routing.closed)) {
        throw conflict(name, 'is routed by the program: close that routing first, or leave it out of the document');
      }
      const judged = live?.routing.judged;
      if (live === undefined || judged === undefined || judged === live.canary || next.canary === undefined) continue;
      if (!goesOn(live, next)) throw conflict(name, 'has a canary that the program began: close that one first');
    }
  }

  /** In the turn of `check`. Throws nothing. */
  swap(said: RoutingByService): void {
    this.#said = said;
    for (const [name, live] of this.#live) {
      if (Object.hasOwn(said, name)) continue;
      end(live);
      this.#live.delete(name);
    }
    for (const name of Object.keys(said)) {
      const service = this.#mesh.services.get(name);
      if (service !== undefined) this.#put(service as LiveService);
    }
  }

  /** The mesh ends: nothing is left to judge. */
  end(): void {
    for (const live of this.#live.values()) end(live);
    this.#live.clear();
  }

  #put(service: LiveService): void {
    const { name } = service;
    if (!Object.hasOwn(this.#said, name)) return;
    const said = this.#said[name]!;
    const before = this.#live.get(name);
    const live = before?.routing.closed ? undefined : before;
    if (live !== undefined && isSame(live.said, said)) return;
    try {
      const kept = live !== undefined && goesOn(live, said) ? live.canary : undefined;
      if (kept === undefined) live?.canary?.close();
      // A canary's share is its own, from its first step on.
      const options = said.canary === undefined ? said : withShare(said, said.canary.arm, kept?.status.share ?? 0);
      const { canary: _, ...routed } = options;
      const routing = live?.routing ?? new LiveRouting(service, routed);
      if (live !== undefined) routing.update(routed);
      const canary = kept ?? (said.canary && this.#follow(name, startCanary(routing, said.canary)));
      this.#live.set(name, { said, routing, canary });
    } catch (thrown) {
      this.events.emit('failed', toError(thrown));
    }
  }

  #follow(service: string, canary: Canary): Canary {
    const tell = (status: CanaryStatus): void => this.events.emit('canary', { service, status });
    canary.on('changed', tell);
    canary.on('stalled', tell);
    return canary;
  }
}

function end({ routing, canary }: Live): void {
  canary?.close();
  routing.close();
}

/** Whether the canary is the same version, to be judged by the same options. */
function goesOn({ said }: Live, next: ConfiguredRouting): boolean {
  if (said.canary === undefined || next.canary === undefined || !isSame(said.canary, next.canary)) return false;
  const { arm } = next.canary;
  return said.split?.name === next.split?.name && isSame(selectorOf(said, arm), selectorOf(next, arm));
}

function selectorOf({ split }: ConfiguredRouting, arm: string): object {
  const { share: _, ...selector } = split!.arms[arm]!;
  return selector;
}

function withShare(said: ConfiguredRouting, arm: string, share: number): ConfiguredRouting {
  const split = said.split!;
  return { ...said, split: { ...split, arms: { ...split.arms, [arm]: { ...split.arms[arm]!, share } } } };
}

function conflict(service: string, what: string): FairleadError {
  return new FairleadError('FAIRLEAD_CONFLICT', `Service '${service}' ${what}.`, { service });
}
