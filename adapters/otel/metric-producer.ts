import { checkMesh, optionReaders } from '../../src/adapter.js';
import type { Mesh } from '../../src/index.js';
import { type MeshFigures, meshFigures } from '../../src/monitor/index.js';
import { conventionMetrics } from './convention-metrics.js';
import { KeptAttributes } from './endpoint-attributes.js';
import { followChannels } from './followed-channels.js';
import { GrpcCountedMetrics } from './grpc-counted-metrics.js';
import { GrpcMetrics } from './grpc-metrics.js';
import { meshMetrics } from './mesh-metrics.js';
import { hrTime, type Metric } from './metric-data.js';
import { OwnMeter } from './own-meter.js';
import { WatchedMesh } from './watched-mesh.js';

export interface MetricProducerOptions {
  /**
   * How many endpoints of the mesh have series of their own, in the order of services and ids; the
   * others share one, whose id is `other`. Default 100; 0 to 100,000.
   */
  readonly maxEndpoints?: number;
}

/** The SDK's own type is this with more words: a `MetricReader` takes it. */
export interface FairleadMetricProducer extends Disposable {
  collect(): Promise<{
    resourceMetrics: {
      /** A reader takes that of its provider in its place. */
      resource: { attributes: Record<string, never>; merge(other: never): never; getRawAttributes(): [] };
      scopeMetrics: { scope: { name: string }; metrics: Metric[] }[];
    };
    errors: unknown[];
  }>;
  /** Stops measuring, unless others read figures. Idempotent. */
  close(): void;
}

/**
 * The metrics of one mesh for a `MetricReader` of OpenTelemetry's SDK, which asks for them whenever
 * it exports: no instrument is called while calls run, and the series of an endpoint that left end
 * with it. Sums are cumulative. Throws FAIRLEAD_INVALID_OPTION.
 *
 * ```ts
 * const reader = new PeriodicExportingMetricReader({ exporter, metricProducers: [fairleadMetricProducer(mesh)] });
 * ```
 */
export function fairleadMetricProducer(mesh: Mesh, options?: MetricProducerOptions): FairleadMetricProducer {
  checkMesh('fairleadMetricProducer', mesh);
  const { integer, readOptions } = optionReaders;
  const { maxEndpoints } = readOptions<Required<MetricProducerOptions>>('fairleadMetricProducer', options, {
    maxEndpoints: integer(100, 0, 100_000),
  });
  return new Producer(mesh, maxEndpoints);
}

class Producer implements FairleadMetricProducer {
  readonly #mesh: Mesh;
  readonly #maxEndpoints: number;
  readonly #figures: MeshFigures;
  readonly #meter = new OwnMeter();
  readonly #attributes = new KeptAttributes();
  readonly #grpcCalls: GrpcCountedMetrics;
  readonly #watched: WatchedMesh;
  readonly #stopFollowing: () => void;
  readonly #startMs: number;

  constructor(mesh: Mesh, maxEndpoints: number) {
    this.#mesh = mesh;
    this.#maxEndpoints = maxEndpoints;
    this.#startMs = mesh.clock.wallMs();
    this.#figures = meshFigures(mesh);
    this.#grpcCalls = new GrpcCountedMetrics(mesh);
    const grpc = new GrpcMetrics(this.#meter);
    this.#watched = new WatchedMesh(mesh, (service, event) => grpc.ejected(service, event));
    this.#stopFollowing = followChannels(this.#meter, this.#watched, grpc, false);
  }

  async collect(): ReturnType<FairleadMetricProducer['collect']> {
    this.#watched.discover();
    const span = { startTime: hrTime(this.#startMs), endTime: hrTime(this.#mesh.clock.wallMs()) };
    const names = [...this.#mesh.services.keys()].sort();
    const metrics = [
      ...meshMetrics(this.#figures, span, this.#maxEndpoints, this.#attributes),
      ...conventionMetrics(this.#figures, names, span),
      ...this.#grpcCalls.collect(span),
      ...this.#meter.collect(span),
    ];
    const merge = (other: never): never => other;
    return {
      resourceMetrics: {
        resource: { attributes: {}, merge, getRawAttributes: () => [] },
        scopeMetrics: [{ scope: { name: 'fairlead' }, metrics }],
      },
      errors: [],
    };
  }

  close(): void {
    this.#figures.close();
    this.#watched.stop();
    this.#stopFollowing();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
