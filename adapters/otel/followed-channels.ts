import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Endpoint, Service } from '../../src/index.js';
import type {
  GrpcAttemptMessage,
  GrpcCallMessage,
  GrpcConnectionMessage,
  GrpcWeighingMessage,
} from '../grpc/messages.js';
import { GrpcCallMetrics } from './grpc-call-metrics.js';
import type { GrpcMetrics } from './grpc-metrics.js';
import { GrpcWeighingMetrics } from './grpc-weighing-metrics.js';
import type { SyncMeter } from './own-meter.js';
import type { WatchedMesh } from './watched-mesh.js';

/**
 * Records what gRPC channels of one mesh publish; returns what ends it. `calls` where they are not
 * counted otherwise: for each there are three messages then.
 */
export function followChannels(
  meter: SyncMeter,
  watched: WatchedMesh,
  grpc: GrpcMetrics,
  calls: boolean,
  more: Readonly<Record<string, (message: never) => void>> = {},
): () => void {
  const grpcCalls = calls ? new GrpcCallMetrics(meter) : undefined;
  const weighings = new GrpcWeighingMetrics(meter);
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
    // So that a service is followed from its first endpoint on, not from its first call.
    'fairlead:endpoint': ours(() => {}),
    ...(grpcCalls !== undefined && {
      'fairlead:grpc:call': ofOurs<GrpcCallMessage>((message) => grpcCalls.call(message)),
      'fairlead:grpc:attempt': ofOurs<GrpcAttemptMessage>((message) => {
        grpc.know(message.service, message.target);
        grpcCalls.attempt(message);
      }),
    }),
    'fairlead:grpc:weighing': ofOurs<GrpcWeighingMessage>((message) => weighings.weighed(message)),
    'fairlead:grpc:connection': ours<GrpcConnectionMessage>((message) => grpc.connection(message)),
    ...Object.fromEntries(Object.entries(more).map(([name, record]) => [name, ours(record as never)])),
  };
  for (const [name, listener] of Object.entries(listeners)) subscribe(name, listener);
  return () => {
    for (const [name, listener] of Object.entries(listeners)) unsubscribe(name, listener);
  };
}
