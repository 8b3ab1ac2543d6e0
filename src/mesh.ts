import { builtinPolicies } from './balancing/builtin.js';
import type { PolicyFactory } from './balancing/factory.js';
import { PolicyRegistry } from './balancing/registry.js';
import type { Registrar } from './discovery/registrar.js';
import type { Resolver } from './discovery/resolver.js';
import { staticResolver } from './discovery/static.js';
import { CheckHub } from './health/check-hub.js';
import { type Clock, systemClock } from './runtime/clock.js';
import { FairleadError, toError } from './runtime/errors.js';
import { checkName, invalidOption, type Reader, readOptions } from './runtime/options.js';
import { type Random, systemRandom } from './runtime/random.js';
import { type PreparedChange, prepareChange } from './service/change.js';
import type { Service } from './service/contract.js';
import { overlayOptions } from './service/layers.js';
import { mergeServiceOptions, readServiceOptions, type ServiceOptions } from './service/options.js';
import { LiveService } from './service/service.js';
import { type CloseOptions, type CloseSettings, readClose, registrarList, windDown } from './service/shutdown.js';

export interface MeshOptions {
  /** Where endpoints come from. Default: an empty `staticResolver()`. */
  readonly resolver?: Resolver;
  /**
   * Options by service name, for services that are asked for without any: a gRPC target, for
   * instance.
   */
  readonly services?: Readonly<Record<string, ServiceOptions>>;
  /** Options for all services, where their own say nothing. */
  readonly defaults?: ServiceOptions;
  /** Policies beside the built-in ones, to be named in options. */
  readonly policies?: readonly PolicyFactory<never>[];
  /**
   * What this process is registered by: `mesh.close()` ends their registrations first, in at most
   * half of its time, while calls still work. Default: none.
   */
  readonly registrars?: readonly Registrar<never, never>[];
  /** For tests: `ManualClock` of `fairlead/testing`. */
  readonly clock?: Clock;
  /** For tests: `seededRandom`. */
  readonly random?: Random;
}

/**
 * Contract: something that an adapter made over a mesh (a registration, a pool, a client), as the
 * mesh knows it. What it throws, or rejects with, is reported as a process warning.
 */
export interface MeshPart {
  /** Which adapter made it: `mysql`. */
  readonly kind: string;
  /** What it is for, for displays: a service, a scheme. */
  readonly name: string;
  /** Numbers by name, as of now, for displays. Cheap: called on every look. */
  figures?(): Readonly<Record<string, number>>;
  /**
   * What it looks like beyond numbers, as plain values: servers with their roles, shards with their
   * states. Called while somebody looks at it.
   */
  topology?(): object;
  /** What it would do with something that is put to it, and why. */
  readonly explains?: PartExplainer;
  /**
   * Takes no new work, and resolves when the work in progress has ended, which it sees to within
   * `deadlineMs`. Called by `mesh.close()` beside the closing of the services.
   */
  drain?(deadlineMs: number): Promise<void>;
  /**
   * Releases what it holds. Called by `mesh.close()` at the end. A part without it outlives the
   * mesh and is ended by its owner. Idempotent.
   */
  close?(): void;
}

/** How a part is asked what it would do: for forms and commands. */
export interface PartExplainer {
  /** What it is asked by, in the order of a form: `sql`, or `method`, `host`, `path`. */
  readonly fields: readonly string[];
  /** Whether headers matter to it. */
  readonly takesHeaders: boolean;
  /**
   * Plain values; an `Explanation` among them is called `explanation`. Fields that were left empty
   * are not there. Sends nothing and changes nothing. Throws a FairleadError for what it cannot
   * read.
   */
  explain(asked: PartQuestion): object;
}

export interface PartQuestion {
  readonly values: Readonly<Record<string, string>>;
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

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

/** A reader for an object, ours or the user's, known by its methods; `make` returns the default. */
function thing<T>(make: () => T, methods: readonly (keyof T & string)[], allowed: string): Reader<T> {
  return (value, name) => {
    if (value === undefined) return make();
    const given = value as T | null;
    if (methods.every((method) => typeof given?.[method] === 'function')) return value as T;
    throw invalidOption(name, value, allowed);
  };
}

const policies: Reader<readonly PolicyFactory<never>[]> = (value, name) => {
  if (value === undefined) return [];
  const isFactory = (each: unknown): boolean =>
    typeof each === 'function' && typeof (each as PolicyFactory<never>).policyName === 'string';
  if (Array.isArray(value) && value.every(isFactory)) return value;
  throw invalidOption(name, value, 'an array of what definePolicy() gives');
};

const servicesByName: Reader<Readonly<Record<string, ServiceOptions>>> = (value, name) => {
  if (value === undefined) return {};
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, ServiceOptions>;
  throw invalidOption(name, value, 'an object of options by the name of the service');
};

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
    this.#options = readOptions<Required<MeshOptions>>('createMesh', options, {
      resolver: thing<Resolver>(staticResolver, ['watch'], 'a resolver, such as staticResolver({ … })'),
      services: servicesByName,
      // What it says is read below, with the name of what it is for.
      defaults: (value) => (value ?? {}) as ServiceOptions,
      policies,
      registrars: registrarList as Reader<Required<MeshOptions>['registrars']>,
      clock: thing<Clock>(() => systemClock, ['now', 'after', 'awaited', 'wallMs'], 'a clock, such as a ManualClock'),
      random: thing<Random>(systemRandom, ['below', 'float'], 'a source of random numbers, such as seededRandom(1)'),
    });
    this.clock = this.#options.clock;
    this.random = this.#options.random;
    this.#checks = new CheckHub(this.#options.clock, this.#options.random);
    this.policies = new PolicyRegistry([...builtinPolicies, ...this.#options.policies]);
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
      ...parts.map((part) => safely(part, () => part.drain?.(deadlineMs))),
    ]);
    for (const part of parts) if (this.parts.has(part)) await safely(part, () => part.close?.());
    this.#options.resolver.close?.();
    this.#configured.resolver?.close?.();
  }
}

/** An adapter's part that fails to end keeps nothing else from ending. */
async function safely({ kind, name }: MeshPart, run: () => Promise<void> | void | undefined): Promise<void> {
  try {
    await run();
  } catch (thrown) {
    process.emitWarning(`The ${kind} part '${name}' failed to end: ${toError(thrown).message}`, {
      type: 'FairleadWarning',
      code: 'FAIRLEAD_PART',
    });
  }
}
