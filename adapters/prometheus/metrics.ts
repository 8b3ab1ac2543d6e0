import { checkMesh, optionReaders } from '../../src/adapter.js';
import type { Mesh } from '../../src/index.js';
import { type MeshFigures, meshFigures } from '../../src/monitor/index.js';
import { describedFamilies } from './described-families.js';
import { EndpointSeries } from './endpoint-series.js';
import { Exemplars, type ReadExemplar } from './exemplars.js';
import { endpointFamilies, serviceFamilies } from './families.js';
import type { Family } from './family.js';
import { handlerFor, type Respond } from './handler.js';
import { joinRegistry, type RegistryLike } from './registry.js';
import { CONTENT_TYPES, type Format, render } from './text.js';

export interface PrometheusOptions {
  /**
   * Upper ends of the buckets of `fairlead_call_duration_seconds`, in seconds, rising. Default 14
   * from 0.0005 to 10; at most 100.
   */
  readonly buckets?: readonly number[];
  /**
   * How many endpoints of the mesh have series of their own; the others are in those of their
   * service alone. Default 1,000; 0 to 100,000.
   */
  readonly maxEndpoints?: number;
  /**
   * Labels of the trace that the ending call is in, such as `{ trace_id }`: the latest of each
   * bucket is its exemplar in OpenMetrics. Called as each call ends, within its context: a call
   * then costs a message on a channel. Default: no exemplars.
   */
  readonly exemplar?: ReadExemplar;
}

/** The figures of a mesh for Prometheus. */
export interface PrometheusMetrics extends Disposable {
  /** All of them as of now. Default format: OpenMetrics. */
  metrics(format?: Format): string;
  /** That of `metrics()`: OpenMetrics. */
  readonly contentType: string;
  /**
   * Answers a scrape, in the format that it asks for: a listener for node:http, a handler for
   * Express and for Fastify. Needs no `this`.
   */
  readonly handler: Respond;
  /**
   * Makes them appear in a `Registry` of prom-client, until the returned function is called. Throws
   * where the registry has a metric of one of these names.
   */
  join(registry: RegistryLike): () => void;
  /** Stops measuring, unless others read figures. Idempotent. */
  close(): void;
}

const BUCKETS_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const MAX_BUCKETS = 100;

/** One reading serves all families of one scrape by prom-client. */
const FRESH_MS = 100;

/**
 * The figures of a mesh as Prometheus scrapes them. Calls are counted from now on; nothing is done
 * for Prometheus while calls run. Throws FAIRLEAD_INVALID_OPTION.
 *
 * ```ts
 * const metrics = prometheusMetrics(mesh);
 * createServer(metrics.handler).listen(9464, '127.0.0.1');
 * ```
 */
export function prometheusMetrics(mesh: Mesh, options?: PrometheusOptions): PrometheusMetrics {
  checkMesh('prometheusMetrics', mesh);
  const { callback, integer, invalidOption, readOptions } = optionReaders;
  return new LiveMetrics(
    mesh,
    readOptions<Settings>('prometheusMetrics', options, {
      buckets: (value, name) => {
        if (value === undefined) return BUCKETS_S;
        const rises = (each: unknown, i: number, all: readonly unknown[]): boolean =>
          Number.isFinite(each) && (each as number) > (i === 0 ? 0 : (all[i - 1] as number));
        if (Array.isArray(value) && value.length > 0 && value.length <= MAX_BUCKETS && value.every(rises)) {
          return [...value];
        }
        throw invalidOption(name, value, `an array of up to ${MAX_BUCKETS} rising numbers above 0`);
      },
      maxEndpoints: integer(1_000, 0, 100_000),
      exemplar: callback<ReadExemplar>(),
    }),
  );
}

interface Settings {
  readonly buckets: readonly number[];
  readonly maxEndpoints: number;
  readonly exemplar: ReadExemplar | undefined;
}

class LiveMetrics implements PrometheusMetrics {
  readonly contentType: string = CONTENT_TYPES.openmetrics;
  readonly handler: Respond;
  readonly #mesh: Mesh;
  readonly #figures: MeshFigures;
  readonly #buckets: readonly number[];
  readonly #series: EndpointSeries;
  readonly #exemplars: Exemplars | undefined;
  #latest: readonly Family[] = [];
  #latestMs = Number.NEGATIVE_INFINITY;

  constructor(mesh: Mesh, { buckets, maxEndpoints, exemplar }: Settings) {
    this.#mesh = mesh;
    this.#figures = meshFigures(mesh);
    this.#buckets = buckets;
    this.#series = new EndpointSeries(maxEndpoints);
    this.#exemplars = exemplar && new Exemplars(mesh, buckets, exemplar);
    this.handler = handlerFor((format) => ({ type: CONTENT_TYPES[format], body: this.metrics(format) }));
  }

  metrics(format: Format = 'openmetrics'): string {
    return render(this.#families(), format);
  }

  join(registry: RegistryLike): () => void {
    return joinRegistry(registry, () => {
      const nowMs = this.#mesh.clock.now();
      if (nowMs - this.#latestMs >= FRESH_MS) {
        this.#latest = this.#families();
        this.#latestMs = nowMs;
      }
      return this.#latest;
    });
  }

  close(): void {
    this.#figures.close();
    this.#exemplars?.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #families(): Family[] {
    const snapshot = this.#figures.read();
    this.#series.update(snapshot);
    const source = {
      snapshot,
      buckets: this.#buckets,
      exemplars: this.#exemplars,
      latency: (service: string) => this.#figures.latency(service),
      operations: (service: string) => this.#figures.operations(service),
    };
    return [
      ...serviceFamilies(source),
      ...describedFamilies(snapshot),
      ...endpointFamilies(snapshot, (service, endpoint) => this.#series.has(service, endpoint)),
      {
        name: 'fairlead_endpoints_without_series',
        type: 'gauge',
        help: 'Endpoints beyond maxEndpoints, which have no series of their own.',
        samples: [{ suffix: '', labels: [], value: this.#series.left }],
      },
    ];
  }
}
