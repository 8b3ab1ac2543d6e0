import type { EndpointSpec } from '../endpoint/endpoint.js';

/**
 * Endpoints that an operator drains, by id. Each is as if its registry listed it in maintenance: a
 * member that owns what it owns, finishes its calls, and is not picked, not even in panic.
 */
export class Holds {
  /** Undefined until one is held, as is the other. */
  #ids: Set<string> | undefined;
  /** What was made of a spec: the same object each time, so that nothing seems to change. */
  #held: WeakMap<EndpointSpec, EndpointSpec> | undefined;

  has(id: string): boolean {
    return this.#ids?.has(id) === true;
  }

  /** False where that is so already. */
  set(id: string, held: boolean): boolean {
    if (this.has(id) === held) return false;
    this.#ids ??= new Set();
    if (held) this.#ids.add(id);
    else this.#ids.delete(id);
    return true;
  }

  /** The list as it is to be used; the list itself where none is held. */
  apply(specs: readonly EndpointSpec[]): readonly EndpointSpec[] {
    if (this.#ids === undefined || this.#ids.size === 0) return specs;
    return specs.map((spec) => (this.has(spec?.id) ? this.#withhold(spec) : spec));
  }

  #withhold(spec: EndpointSpec): EndpointSpec {
    this.#held ??= new WeakMap();
    const held = this.#held.get(spec) ?? { ...spec, healthy: false };
    this.#held.set(spec, held);
    return held;
  }
}
