import type { EndpointSpec } from '../endpoint/endpoint.js';

/**
 * Endpoints that an operator drains, by id. Each is as if its registry listed it in maintenance: a
 * member that owns what it owns, finishes its calls, and is not picked, not even in panic.
 */
export class Holds {
  readonly #ids = new Set<string>();
  /** What was made of a spec: the same object each time, so that nothing seems to change. */
  readonly #held = new WeakMap<EndpointSpec, EndpointSpec>();

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** False where that is so already. */
  set(id: string, held: boolean): boolean {
    if (this.#ids.has(id) === held) return false;
    if (held) this.#ids.add(id);
    else this.#ids.delete(id);
    return true;
  }

  /** The list as it is to be used; the list itself where none is held. */
  apply(specs: readonly EndpointSpec[]): readonly EndpointSpec[] {
    if (this.#ids.size === 0) return specs;
    return specs.map((spec) => (this.#ids.has(spec?.id) ? this.#withhold(spec) : spec));
  }

  #withhold(spec: EndpointSpec): EndpointSpec {
    const held = this.#held.get(spec) ?? { ...spec, healthy: false };
    this.#held.set(spec, held);
    return held;
  }
}
