import type { MeshSnapshot } from '../../src/monitor/index.js';

/**
 * Which endpoints have series of their own: so many at most, and who has them keeps them until it
 * is gone from the figures, so that no series comes and goes.
 */
export class EndpointSeries {
  readonly #max: number;
  #shown: ReadonlySet<string> = new Set();
  /** Endpoints that had no room, at the latest scrape. */
  left = 0;

  constructor(max: number) {
    this.#max = max;
  }

  update({ services }: MeshSnapshot): void {
    const before = this.#shown;
    const names = services.flatMap(({ name, endpoints }) => endpoints.map(({ id }) => key(name, id)));
    const next = new Set(names.filter((name) => before.has(name)));
    this.left = 0;
    for (const name of names) {
      if (next.has(name)) continue;
      if (next.size < this.#max) next.add(name);
      else this.left++;
    }
    this.#shown = next;
  }

  has(service: string, endpoint: string): boolean {
    return this.#shown.has(key(service, endpoint));
  }
}

function key(service: string, endpoint: string): string {
  return `${service}\n${endpoint}`;
}
