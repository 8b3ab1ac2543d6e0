import type { MeterProvider } from '@opentelemetry/api';
import { checkMesh, optionReaders } from '../../src/adapter.js';
import type { CallMessage, Mesh } from '../../src/index.js';
import { followChannels } from './followed-channels.js';
import { GrpcMetrics } from './grpc-metrics.js';
import { ServiceMetrics } from './service-metrics.js';
import { WatchedMesh } from './watched-mesh.js';

export interface InstrumentMeshOptions {
  /** Where metrics go. As gRFC A66 wants it, the global provider is not taken in its place. */
  readonly meterProvider: MeterProvider;
}

/**
 * Records the metrics of one mesh, from now on, under the names of OpenTelemetry for gRPC and under
 * fairlead's own. Returns a function that stops it. Until it is called nothing is measured and
 * nothing costs. Throws FAIRLEAD_INVALID_OPTION.
 *
 * ```ts
 * const stop = instrumentMesh(mesh, { meterProvider });
 * ```
 */
export function instrumentMesh(mesh: Mesh, options: InstrumentMeshOptions): () => void {
  checkMesh('instrumentMesh', mesh);
  const { meterProvider } = optionReaders.readOptions<InstrumentMeshOptions>('instrumentMesh', options, {
    meterProvider: (value, name) => {
      if (typeof (value as MeterProvider | undefined)?.getMeter === 'function') return value as MeterProvider;
      throw optionReaders.invalidOption(name, value, 'a MeterProvider of OpenTelemetry');
    },
  });
  const meter = meterProvider.getMeter('fairlead');
  const grpc = new GrpcMetrics(meter);
  const watched = new WatchedMesh(mesh, (service, event) => {
    metrics.ejected(service, event);
    grpc.ejected(service, event);
  });
  const metrics: ServiceMetrics = new ServiceMetrics(meter, () => {
    watched.discover();
    return watched.services;
  });
  const stopFollowing = followChannels(meter, watched, grpc, true, {
    'fairlead:call': (message: CallMessage) => metrics.called(message),
  });
  // Durations are what it is for, though no policy needs them.
  const stopMeasuring = mesh.measure();
  // It outlives the mesh: what was measured last is still to be exported.
  const unregister = mesh.register({ kind: 'otel', name: 'metrics' });
  return () => {
    unregister();
    stopMeasuring();
    stopFollowing();
    watched.stop();
    metrics.stop();
  };
}
