import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { outcomeName } from '../../src/adapter.js';
import type { CallMessage, Mesh } from '../../src/index.js';
import type { Exemplar, Label } from './family.js';

/** Asked while a call ends, within its context. */
export type ReadExemplar = () => Readonly<Record<string, string>> | undefined;

/** OpenMetrics allows the labels of an exemplar no more characters than this, names included. */
const MAX_CHARACTERS = 128;
const CHANNEL = 'fairlead:call';
const MS_PER_S = 1_000;

/** The latest call of each bucket that had a trace. */
export class Exemplars {
  readonly #mesh: Mesh;
  readonly #buckets: readonly number[];
  readonly #read: ReadExemplar;
  readonly #latest = new Map<string, Exemplar>();

  /** `buckets`: their upper ends in seconds. */
  constructor(mesh: Mesh, buckets: readonly number[], read: ReadExemplar) {
    this.#mesh = mesh;
    this.#buckets = buckets;
    this.#read = read;
    subscribe(CHANNEL, this.#onCall);
  }

  of(service: string, outcome: string, bucket: number): Exemplar | undefined {
    return this.#latest.get(key(service, outcome, bucket));
  }

  close(): void {
    unsubscribe(CHANNEL, this.#onCall);
    this.#latest.clear();
  }

  readonly #onCall = (message: unknown): void => {
    const { service, endpoint, outcome, latencyMs } = message as CallMessage;
    // The channel is the whole process's: other meshes may have a service of the name.
    if (!(latencyMs >= 0) || this.#mesh.services.get(service)?.endpoints.includes(endpoint) !== true) return;
    const labels = this.#labels();
    if (labels === undefined) return;
    const value = latencyMs / MS_PER_S;
    const bucket = this.#buckets.findIndex((upper) => value <= upper);
    const at = key(service, outcomeName(outcome), bucket < 0 ? this.#buckets.length : bucket);
    this.#latest.set(at, { labels, value, atS: this.#mesh.clock.wallMs() / MS_PER_S });
  };

  /** What the user's function throws, or gives against the rules, is no exemplar. */
  #labels(): readonly Label[] | undefined {
    try {
      const labels = Object.entries(this.#read() ?? {});
      const characters = labels.reduce((sum, [name, value]) => sum + [...name].length + [...value].length, 0);
      const named = labels.every(([name]) => /^[a-zA-Z_]\w*$/.test(name));
      return labels.length > 0 && named && characters <= MAX_CHARACTERS ? labels : undefined;
    } catch {
      return undefined;
    }
  }
}

function key(service: string, outcome: string, bucket: number): string {
  return `${bucket} ${outcome} ${service}`;
}
