import type { EndpointSpec } from './endpoint.js';
import type { LiveEndpoint } from './live-endpoint.js';

interface KnownById {
  byId(id: string): LiveEndpoint | undefined;
}

/**
 * Finds the endpoint of each spec of a list among those of the list before: where the order is the
 * same it is the next one, which costs a comparison where a search by id costs several times as
 * much. For endpoints that left, as many are passed over in all as the list is long.
 */
export class ListBefore {
  readonly #listed: readonly LiveEndpoint[];
  readonly #known: KnownById;
  #at = 0;
  #steps: number;

  constructor(listed: readonly LiveEndpoint[], known: KnownById) {
    this.#listed = listed;
    this.#known = known;
    this.#steps = listed.length;
  }

  find(spec: EndpointSpec): LiveEndpoint | undefined {
    const next = this.#listed[this.#at];
    if (next !== undefined && (next.spec === spec || next.spec.id === spec?.id)) {
      this.#at++;
      return next;
    }
    const found = this.#known.byId(spec?.id);
    if (found !== undefined) this.#goTo(found);
    return found;
  }

  #goTo(endpoint: LiveEndpoint): void {
    const limit = Math.min(this.#listed.length, this.#at + this.#steps);
    for (let at = this.#at; at < limit; at++) {
      if (this.#listed[at] !== endpoint) continue;
      this.#steps -= at - this.#at;
      this.#at = at + 1;
      return;
    }
    this.#steps -= limit - this.#at;
  }
}

export function byId(a: LiveEndpoint, b: LiveEndpoint): number {
  return a.spec.id < b.spec.id ? -1 : 1;
}

/** Both in the order of ids. */
export function mergeById(kept: readonly LiveEndpoint[], came: readonly LiveEndpoint[]): readonly LiveEndpoint[] {
  if (came.length === 0) return kept;
  if (kept.length === 0) return came;
  const merged: LiveEndpoint[] = [];
  let next = 0;
  for (const endpoint of kept) {
    while (next < came.length && came[next]!.spec.id < endpoint.spec.id) merged.push(came[next++]!);
    merged.push(endpoint);
  }
  for (; next < came.length; next++) merged.push(came[next]!);
  return merged;
}
