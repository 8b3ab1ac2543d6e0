import { type Clock, systemClock } from '../runtime/clock.js';
import { described, invalidOption, type Reader } from '../runtime/options.js';
import { type Random, systemRandom } from '../runtime/random.js';

/**
 * What a mesh lends to whatever reads a registry for it, so that all of one mesh live in one time
 * and draw from one source. A `Mesh` is one.
 */
export interface DiscoveryContext {
  readonly clock: Clock;
  /** Not for secrets. */
  readonly random: Random;
}

/** The same as options of a part, which go before the mesh's. */
export type OwnContext = { readonly [Key in keyof DiscoveryContext]: DiscoveryContext[Key] | undefined };

/** Readers of the options `clock` and `random`, for schemas to spread. */
export const contextSchema: { readonly [Key in keyof DiscoveryContext]: Reader<DiscoveryContext[Key] | undefined> } = {
  clock: thing(['now', 'after', 'awaited', 'wallMs'], 'a clock, such as a ManualClock'),
  random: thing(['below', 'float'], 'a source of random numbers, such as seededRandom(1)'),
};

/** Reader of an option `mesh`. */
export const meshOption: Reader<DiscoveryContext | undefined> = (value, name) => {
  if (value === undefined) return undefined;
  if (typeof value !== 'object' || value === null || !('clock' in value) || !('random' in value)) {
    throw invalidOption(name, value, 'a mesh');
  }
  contextSchema.clock(value.clock, `${name}.clock`);
  contextSchema.random(value.random, `${name}.random`);
  return value as DiscoveryContext;
};

/** What was given for a part itself, else the mesh's, else the machine's. */
export function contextOf(own: OwnContext, given: DiscoveryContext | undefined): DiscoveryContext {
  return {
    clock: own.clock ?? given?.clock ?? systemClock,
    random: own.random ?? given?.random ?? systemRandom(),
  };
}

/**
 * One thing per clock, made when it is first asked for: what several meshes share must not mix
 * their times.
 */
export class PerClock<T> {
  readonly #own: OwnContext;
  readonly #make: (context: DiscoveryContext) => T;
  readonly #made = new Map<Clock, T>();

  constructor(own: OwnContext, make: (context: DiscoveryContext) => T) {
    this.#own = own;
    this.#make = make;
  }

  of(given: DiscoveryContext | undefined): T {
    const clock = this.#own.clock ?? given?.clock ?? systemClock;
    let made = this.#made.get(clock);
    if (made === undefined) {
      made = this.#make(contextOf(this.#own, given));
      this.#made.set(clock, made);
    }
    return made;
  }

  all(): Iterable<T> {
    return this.#made.values();
  }
}

function thing<T>(methods: readonly (keyof T & string)[], allowed: string): Reader<T | undefined> {
  return described({ shape: { type: 'code' } }, (value, name) => {
    if (value === undefined) return undefined;
    const candidate = value as T | null;
    if (methods.every((method) => typeof candidate?.[method] === 'function')) return value as T;
    throw invalidOption(name, value, allowed);
  });
}
