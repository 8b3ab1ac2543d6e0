import type { PolicyFactory } from '../balancing/factory.js';
import type { Registrar } from '../discovery/registrar.js';
import type { Resolver } from '../discovery/resolver.js';
import { staticResolver } from '../discovery/static.js';
import { type Clock, systemClock } from '../runtime/clock.js';
import { invalidOption, type Reader, readOptions } from '../runtime/options.js';
import { type Random, systemRandom } from '../runtime/random.js';
import type { ServiceOptions } from './options.js';
import { registrarList } from './shutdown.js';

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

export function readMeshOptions(options: MeshOptions | undefined): Required<MeshOptions> {
  return readOptions<Required<MeshOptions>>('createMesh', options, {
    resolver: thing<Resolver>(staticResolver, ['watch'], 'a resolver, such as staticResolver({ … })'),
    services: servicesByName,
    // The mesh reads what they say, with the name of what it is for.
    defaults: (value) => (value ?? {}) as ServiceOptions,
    policies,
    registrars: registrarList as Reader<Required<MeshOptions>['registrars']>,
    clock: thing<Clock>(() => systemClock, ['now', 'after', 'awaited', 'wallMs'], 'a clock, such as a ManualClock'),
    random: thing<Random>(systemRandom, ['below', 'float'], 'a source of random numbers, such as seededRandom(1)'),
  });
}
