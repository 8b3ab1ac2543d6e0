import { FairleadError } from '../runtime/errors.js';
import { invalidOption } from '../runtime/options.js';
import type { Service } from '../service/contract.js';
import { LiveService } from '../service/service.js';
import { type RoutingOptions, type RoutingSettings, readRouting } from './options.js';
import { ServiceRouter } from './service-router.js';
import type { ShadowStatus } from './shadow/shadow.js';
import { BASELINE } from './split/options.js';

/** An arm as it is now; counts since the arm was made. */
export interface ArmStatus {
  /** Percent of the calls that have a key, or are drawn. */
  readonly share: number;
  /** Ids of its endpoints, well or not. */
  readonly endpoints: readonly string[];
  /** Calls that ended, without those that were cancelled or refused for overload. */
  readonly calls: number;
  /** Of these, failures of the endpoint: what would speak against it. */
  readonly errors: number;
  /** Attempts that went elsewhere: no endpoint of the arm was well, or left to try. */
  readonly spilled: number;
}

export interface RoutingStatus {
  /** By name, the `baseline` last; empty without a split. */
  readonly arms: Readonly<Record<string, ArmStatus>>;
  /** Of the lanes that endpoints are in: attempts that ended there, and those that fell back. */
  readonly lanes: Readonly<Record<string, { readonly calls: number; readonly spilled: number }>>;
  /** Undefined where no call is copied. */
  readonly shadow: ShadowStatus | undefined;
}

/** How the calls of one service are routed. */
export interface Routing extends Disposable {
  readonly service: Service;
  readonly status: RoutingStatus;
  /**
   * Routes otherwise from the next call on. Each arm that selects by the same keeps its counts, its
   * sessions and what its pickers learnt, whatever becomes of the others; so does the baseline, and
   * each lane. Throws FAIRLEAD_INVALID_OPTION, and changes
   * nothing then.
   */
  update(options: RoutingOptions): void;
  /** Another share for one arm; percent, 0 to 100. */
  setShare(arm: string, percent: number): void;
  /** Calls go anywhere again. Idempotent. */
  close(): void;
}

/**
 * Routes the calls of a service: a split by weight, headers or keys among versions, and lanes.
 * Every way to call it is routed, `call()`, `acquire()`, subsets and adapters; what fails is
 * repeated in the same arm, so that a bad version does not hide behind a good one. An arm none of
 * whose endpoints is well, or left to try, spills to the baseline. From then on the service's calls
 * are timed. Throws FAIRLEAD_INVALID_OPTION; FAIRLEAD_CONFLICT where the service is routed already.
 *
 * ```ts
 * const routing = routeCalls(mesh.service('users'), {
 *   split: { name: 'users-2026', arms: { v2: { share: 5, version: '2' } } },
 * });
 * ```
 */
export function routeCalls(service: Service, options: RoutingOptions): Routing {
  if (!(service instanceof LiveService)) throw invalidOption('service', service, 'a service of a mesh');
  return new LiveRouting(service, options);
}

const routings = new WeakMap<Service, LiveRouting>();

/** How the calls of a service are routed now: what `routeCalls()` returned for it. */
export function routingOf(service: Service): Routing | undefined {
  const routing = routings.get(service);
  return routing === undefined || routing.closed ? undefined : routing;
}

/** For what is built on it: a canary. */
export class LiveRouting implements Routing {
  readonly service: LiveService;
  readonly #stop: () => void;
  #options: RoutingOptions;
  #router: ServiceRouter;
  #closed = false;
  /** The canary that is judged now: its limits of latency are the arms'. */
  judged: object | undefined;

  constructor(service: LiveService, options: RoutingOptions) {
    const settings = this.#read(service, options);
    if (service.router !== undefined) {
      const message = `Service '${service.name}' is routed already: use update() of what routeCalls() returned.`;
      throw new FairleadError('FAIRLEAD_CONFLICT', message, { service: service.name });
    }
    this.service = service;
    this.#options = options;
    this.#router = new ServiceRouter(settings, service);
    this.#router.update(service.endpoints);
    service.views.useRouter(this.#router);
    routings.set(service, this);
    this.#stop = service.on('endpoints', () => {
      this.#router.update(service.endpoints);
      service.views.useRouter(this.#router);
    });
  }

  get split(): ServiceRouter['split'] {
    return this.#router.split;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get status(): RoutingStatus {
    const { split, lanes, mirror } = this.#router;
    const shares = new Map(split?.settings.arms.map(({ name, percent }) => [name, percent]));
    const rest = 100 - [...shares.values()].reduce((sum, each) => sum + each, 0);
    const arms = [...(split?.arms ?? [])].map(([name, part]): [string, ArmStatus] => [
      name,
      {
        share: shares.get(name) ?? Math.round(rest * 100) / 100,
        endpoints: this.service.endpoints.filter((each) => part.has(each)).map(({ spec }) => spec.id),
        calls: part.counts.calls,
        errors: part.counts.errors,
        spilled: part.spilled,
      },
    ]);
    return { arms: Object.fromEntries(arms), lanes: lanes?.status ?? {}, shadow: mirror?.status };
  }

  update(options: RoutingOptions): void {
    const settings = this.#read(this.service, options);
    if (this.#closed) return;
    this.#options = options;
    this.#use(settings);
  }

  setShare(arm: string, percent: number): void {
    const { split } = this.#options;
    const own = split !== undefined && Object.hasOwn(split.arms, arm) ? split.arms[arm] : undefined;
    if (split === undefined || own === undefined) {
      throw invalidOption(
        'arm',
        arm,
        `one of ${Object.keys(split?.arms ?? {}).join(', ') || `none: ${BASELINE} alone`}`,
      );
    }
    this.update({ ...this.#options, split: { ...split, arms: { ...split.arms, [arm]: { ...own, share: percent } } } });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stop();
    if (this.service.router === this.#router) this.service.views.useRouter(undefined);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #read(service: LiveService, options: RoutingOptions): RoutingSettings {
    return readRouting(options ?? null, `routing of '${service.name}'`);
  }

  #use(settings: RoutingSettings): void {
    const router = new ServiceRouter(settings, this.service, this.#router);
    router.update(this.service.endpoints);
    this.#router = router;
    this.service.views.useRouter(router);
    // Where other parts took some of its endpoints, a part is the same and its rotation is not.
    this.service.views.refresh();
  }
}
