import { builtinPolicies } from './balancing/builtin.js';
import { PolicyRegistry } from './balancing/registry.js';
import type { Resolver } from './discovery/resolver.js';
import { CheckHub } from './health/check-hub.js';
import type { Clock } from './runtime/clock.js';
import { FairleadError } from './runtime/errors.js';
import { checkName, invalidOption, isRecord } from './runtime/options.js';
import type { Random } from './runtime/random.js';
import { type PreparedChange, prepareChange } from './service/change.js';
import type { Service } from './service/contract.js';
import { overlayOptions } from './service/layers.js';
import { type MeshOptions, readMeshOptions } from './service/mesh-options.js';
import { endPart, type MeshPart } from './service/mesh-part.js';
import { mergeServiceOptions, readServiceOptions, type ServiceOptions } from './service/options.js';
import { LiveService } from './service/service.js';
import { type CloseOptions, type CloseSettings, readClose, windDown } from './service/shutdown.js';

/** Services by name, over one resolver. */
export interface Mesh extends AsyncDisposable {
  /**
   * The service of that name, made on first use. Each option is taken from `options`, else from the
   * mesh's `services`, else from its `defaults`. Later calls give the same one; options on such a
   * call throw FAIRLEAD_CONFLICT, because the service cannot have two sets of them.
   */
  service(name: string, options?: ServiceOptions): Service;
  /** The services made so far. */
  readonly services: ReadonlyMap<string, Service>;
  readonly policies: PolicyRegistry;
  /** What adapters made over it and is still in use. */
  readonly parts: ReadonlySet<MeshPart>;
  /**
   * For adapters: makes a part known, until the returned function is called, which its own end must
   * do. Throws FAIRLEAD_CLOSED where the mesh is closing.
   */
  register(part: MeshPart): () => void;
  /**
   * For readers of figures: from now on the calls of every service are counted and timed, those of
   * services made later included, until the returned function is called. A call costs a look at the
   * clock at its begin and its end, and some 30 ns; nothing while nobody reads. `meshFigures` of
   * `fairlead/monitor` has what was counted.
   */
  measure(): () => void;
  /**
   * Calls back with each service: now with those that there are, then with each that is made, until
   * the returned function is called. What it throws is thrown to whoever makes the service.
   */
  follow(listener: (service: Service) => void): () => void;
  /** Aborts when its services begin to close: for what adapters run beside them. */
  readonly closing: AbortSignal;
  /**
   * True from `close()` on, while `drain` still runs too: instances leave the registries, and this
   * process wants no new work. `health()` of `fairlead/monitor` is `down` then.
   */
  readonly draining: boolean;
  /** Its time: resolvers and adapters use no other. */
  readonly clock: Clock;
  /** Its random numbers: resolvers and adapters use no other. Not for secrets. */
  readonly random: Random;
  /**
   * Ends the registrations of `registrars`, runs `drain`, then closes every service: discovery
   * stops, new calls are refused, calls in progress may finish within what is left of `deadlineMs`
   * (default 10,000) and are broken off then, with FAIRLEAD_CLOSED. What adapters made over it is
   * drained beside that, and closed. Idempotent.
   */
  close(options?: CloseOptions): Promise<void>;
}

/**
 * A mesh over one resolver. Throws FAIRLEAD_INVALID_OPTION for what is wrong with its options,
 * those of `services` and `defaults` included: not only when the service is first used.
 *
 * ```ts
 * const mesh = createMesh({ resolver: staticResolver({ users: ['127.0.0.1:5001', '127.0.0.1:5002'] }) });
 * await mesh.service('users').call((endpoint) => fetch(`http://${endpoint.spec.host}:${endpoint.spec.port}/`));
 * ```
 */
export function createMesh(options?: MeshOptions): Mesh {
  return new LiveMesh(options);
}

/** What a configuration says of a mesh: over what its program says. */
export interface MeshTarget {
  /** In place of the program's. */
  readonly resolver?: Resolver | undefined;
  readonly defaults?: ServiceOptions | undefined;
  readonly services?: Readonly<Record<string, ServiceOptions>>;
  /** Services that take no calls any more, and why. */
  readonly removed?: ReadonlyMap<string, string>;
}

/**
 * For `fairlead/config`: makes ready that all services of a mesh go by other options, those that
 * are made later included. Rejects and changes nothing where one of them cannot; see
 * `prepareChange`. `swap` and `settle` are to be called in the turn in which it resolves.
 */
export function prepareMesh(mesh: Mesh, target: MeshTarget, patienceMs: number): Promise<PreparedChange> {
  return (mesh as LiveMesh).prepare(target, patienceMs);
}

class LiveMesh implements Mesh {
  readonly policies: PolicyRegistry;
  readonly services: Map<string, LiveService> = new Map();
  readonly parts: Set<MeshPart> = new Set();
  readonly clock: Clock;
  readonly random: Random;
  readonly #options: Required<MeshOptions>;
  /** One for all services: an address that several of them list is checked once. */
  readonly #checks: CheckHub;
  readonly #abort = new AbortController();
  /** What each service was given when it was made. */
  readonly #given = new Map<string, ServiceOptions>();
  #configured: MeshTarget = {};
  #draining = false;
  #closing: Promise<void> | undefined;
  /** Who read figures. */
  readonly #readers = new Set<object>();
  readonly #followers = new Set<{ readonly listener: (service: Service) => void }>();

  constructor(options: MeshOptions | undefined) {
    this.#options = readMeshOptions(options);
    this.clock = this.#options.clock;
    this.random = this.#options.random;
    this.#checks = new CheckHub(this.#options.clock, this.#options.random);
    this.policies = new PolicyRegistry(builtinPolicies, this.#options.policies);
    this.#check('createMesh.defaults', this.#options.defaults);
    for (const [name, own] of Object.entries(this.#options.services)) {
      this.#check(`createMesh.services '${checkName(name, 'createMesh.services name')}'`, own);
    }
  }

  /** Reads options only to refuse them: they are read again when the service is made. */
  #check(context: string, options: ServiceOptions): void {
    this.policies.resolve(readServiceOptions(context, options).policy, `${context}.policy`);
  }

  service(name: string, options?: ServiceOptions): Service {
    checkName(name, 'service name');
    const known = this.services.get(name);
    if (known !== undefined) {
      if (options === undefined) return known;
      throw new FairleadError(
        'FAIRLEAD_CONFLICT',
        `Service '${name}' exists already: give its options on the first call, or in createMesh({ services }).`,
        { service: name },
      );
    }
    if (this.closing.aborted) throw this.#closedError(`service '${name}'`, name);
    const { clock, random } = this.#options;
    const resolver = this.#configured.resolver ?? this.#options.resolver;
    const removed = this.#configured.removed?.get(name);
    const service = new LiveService(
      { name, resolver, removed, clock, random, registry: this.policies, checks: this.#checks },
      this.#optionsOf(name, options, this.#configured),
    );
    this.services.set(name, service);
    if (options !== undefined) this.#given.set(name, options);
    if (this.#readers.size > 0) service.measure(true);
    for (const { listener } of this.#followers) listener(service);
    return service;
  }

  /** What a program said of a service, under what its configuration says. */
  #optionsOf(name: string, given: ServiceOptions | undefined, configured: MeshTarget): ServiceOptions {
    const { services, defaults } = this.#options;
    const ownOf = (all: MeshTarget['services']): ServiceOptions | undefined =>
      all !== undefined && Object.hasOwn(all, name) ? all[name] : undefined;
    if (given !== undefined && !isRecord(given))
      throw invalidOption(`service '${name}'`, given, 'an object of options');
    const program = mergeServiceOptions(ownOf(services), given);
    return overlayOptions(
      mergeServiceOptions(overlayOptions(defaults, configured.defaults), program),
      ownOf(configured.services),
    );
  }

  async prepare(target: MeshTarget, patienceMs: number): Promise<PreparedChange> {
    const resolver = target.resolver ?? this.#options.resolver;
    const changes = new Map<LiveService, PreparedChange>();
    const make = async (service: LiveService): Promise<void> => {
      const options = this.#optionsOf(service.name, this.#given.get(service.name), target);
      changes.set(service, await prepareChange(service, { options, resolver }, patienceMs));
    };
    const abandon = (): void => {
      for (const change of changes.values()) change.abandon();
    };
    const missing = (): LiveService[] => [...this.services.values()].filter((service) => !changes.has(service));
    // Some may be made meanwhile.
    for (let services = missing(); services.length > 0; services = missing()) {
      const ends = await Promise.allSettled(services.map(make));
      const failed = ends.find((end) => end.status === 'rejected');
      if (failed === undefined) continue;
      abandon();
      throw failed.reason;
    }
    return {
      abandon,
      swap: () => {
        this.#configured = target;
        for (const [service, change] of changes) {
          service.removed = target.removed?.get(service.name);
          change.swap();
        }
      },
      settle: () => {
        for (const change of changes.values()) change.settle();
      },
    };
  }

  register(part: MeshPart): () => void {
    if (this.closing.aborted) throw this.#closedError(`the ${part.kind} part '${part.name}'`);
    this.parts.add(part);
    return () => void this.parts.delete(part);
  }

  measure(): () => void {
    const reader = {};
    this.#readers.add(reader);
    for (const service of this.services.values()) service.measure(true);
    return () => {
      if (!this.#readers.delete(reader) || this.#readers.size > 0) return;
      for (const service of this.services.values()) service.measure(false);
    };
  }

  follow(listener: (service: Service) => void): () => void {
    const follower = { listener };
    this.#followers.add(follower);
    for (const service of this.services.values()) listener(service);
    return () => void this.#followers.delete(follower);
  }

  #closedError(what: string, service?: string): FairleadError {
    return new FairleadError('FAIRLEAD_CLOSED', `The mesh is closed: ${what} cannot be made.`, { service });
  }

  get closing(): AbortSignal {
    return this.#abort.signal;
  }

  get draining(): boolean {
    return this.#draining;
  }

  close(options?: CloseOptions): Promise<void> {
    const settings = readClose(options);
    this.#draining = true;
    this.#closing ??= this.#windDown(settings);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #windDown(settings: CloseSettings): Promise<void> {
    const { registrars } = this.#options;
    const { deadlineMs, drain } = settings;
    if (registrars.length === 0 && drain === undefined) return this.#close(deadlineMs);
    const endMs = this.clock.now() + deadlineMs;
    return windDown(this.clock, registrars, settings).then(() => this.#close(Math.max(0, endMs - this.clock.now())));
  }

  async #close(deadlineMs: number): Promise<void> {
    this.#abort.abort();
    // Those that end meanwhile leave the set.
    const parts = [...this.parts];
    await Promise.all([
      ...[...this.services.values()].map((service) => service.close({ deadlineMs })),
      ...parts.map((part) => endPart(part, () => part.drain?.(deadlineMs))),
    ]);
    for (const part of parts) if (this.parts.has(part)) await endPart(part, () => part.close?.());
    this.#options.resolver.close?.();
    this.#configured.resolver?.close?.();
  }
}
