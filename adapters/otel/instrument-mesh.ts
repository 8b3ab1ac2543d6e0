import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { MeterProvider } from '@opentelemetry/api';
import { optionReaders } from '../../src/adapter.js';
import type { CallMessage, Endpoint, Mesh, Service } from '../../src/index.js';
import type {
  GrpcAttemptMessage,
  GrpcCallMessage,
  GrpcConnectionMessage,
  GrpcWeighingMessage,
} from '../grpc/messages.js';
import { GrpcCallMetrics } from './grpc-call-metrics.js';
import { GrpcMetrics } from './grpc-metrics.js';
import { GrpcWeighingMetrics } from './grpc-weighing-metrics.js';
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
  const { meterProvider } = optionReaders.readOptions<InstrumentMeshOptions>('instrumentMesh', options, {
    meterProvider: (value, name) => {
      if (typeof (value as MeterProvider | undefined)?.getMeter === 'function') return value as MeterProvider;
      throw optionReaders.invalidOption(name, value, 'a MeterProvider of OpenTelemetry');
    },
  });
  const meter = meterProvider.getMeter('fairlead');
  const grpc = new GrpcMetrics(meter);
  const grpcCalls = new GrpcCallMetrics(meter);
  const weighings = new GrpcWeighingMetrics(meter);
  const watched = new WatchedMesh(mesh, (service, event) => {
    metrics.ejected(service, event);
    grpc.ejected(service, event);
  });
  const metrics: ServiceMetrics = new ServiceMetrics(meter, () => {
    watched.discover();
    return watched.services;
  });
  /** Only what concerns this mesh: other meshes of the process publish to the same channels. */
  const ours =
    <M extends { readonly service: string; readonly endpoint: Endpoint }>(record: (message: M) => void) =>
    (message: unknown): void => {
      const known = message as M;
      if (watched.owns(known.service, known.endpoint)) record(known);
    };
  const ofOurs =
    <M extends { readonly upstream: Service }>(record: (message: M) => void) =>
    (message: unknown): void => {
      const known = message as M;
      if (watched.has(known.upstream)) record(known);
    };
  const listeners = {
    'fairlead:call': ours<CallMessage>((message) => metrics.called(message)),
    // So that a service is followed from its first endpoint on, not from its first call.
    'fairlead:endpoint': ours(() => {}),
    'fairlead:grpc:call': ofOurs<GrpcCallMessage>((message) => grpcCalls.call(message)),
    'fairlead:grpc:attempt': ofOurs<GrpcAttemptMessage>((message) => {
      grpc.know(message.service, message.target);
      grpcCalls.attempt(message);
    }),
    'fairlead:grpc:weighing': ofOurs<GrpcWeighingMessage>((message) => weighings.weighed(message)),
    'fairlead:grpc:connection': ours<GrpcConnectionMessage>((message) => grpc.connection(message)),
  };
  for (const [name, listener] of Object.entries(listeners)) subscribe(name, listener);
  // It outlives the mesh: what was measured last is still to be exported.
  const unregister = mesh.register({ kind: 'otel', name: 'metrics' });
  return () => {
    unregister();
    for (const [name, listener] of Object.entries(listeners)) unsubscribe(name, listener);
    watched.stop();
    metrics.stop();
  };
}
