import {
  type Context,
  context,
  createContextKey,
  type Tracer as OtelTracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';
import { checkMesh, optionReaders, setUntraced, traceService } from '../../src/adapter.js';
import type { Mesh } from '../../src/index.js';
import { SpanTracer } from './span-tracer.js';

export interface TraceMeshOptions {
  /** Where spans go. Default: the global provider. */
  readonly tracerProvider?: TracerProvider;
}

/**
 * Makes a span of each attempt that calls of this mesh make, as a child of the span that is active
 * when the call is made: over gRPC (gRFC A72), Connect, the HTTP dispatcher and `service.call()`.
 * `server.address` is the service, `network.peer.address` and `network.peer.port` the endpoint;
 * each attempt has a `traceparent` of its own, and a link to the attempt before. A Redis command
 * that is split has one span over its parts. What looks at servers, probes and health checks, is
 * not traced from then on. A call that the sampler does not want has no spans of attempts: it costs
 * that question and a `traceparent`, and 40 to 192 bytes besides. Returns a function that ends it.
 *
 * It adds to what instrumentations of grpc, undici, ioredis and mysql2 do and doubles none of their
 * spans: theirs are of kind CLIENT. A span of an attempt is so only over gRPC, and only where the
 * call has no span of an instrumentation yet; elsewhere it is INTERNAL. Needs a context manager, as
 * every SDK registers one. Throws FAIRLEAD_INVALID_OPTION.
 *
 * ```ts
 * const stop = traceMesh(mesh);
 * ```
 */
export function traceMesh(mesh: Mesh, options?: TraceMeshOptions): () => void {
  checkMesh('traceMesh', mesh);
  const { tracerProvider } = optionReaders.readOptions<{ tracerProvider: TracerProvider | undefined }>(
    'traceMesh',
    options,
    {
      tracerProvider: (value, name) => {
        if (value === undefined || typeof (value as TracerProvider).getTracer === 'function')
          return value as TracerProvider | undefined;
        throw optionReaders.invalidOption(name, value, 'a TracerProvider of OpenTelemetry');
      },
    },
  );
  const otel: OtelTracer = (tracerProvider ?? trace).getTracer('fairlead');
  const tracer = new SpanTracer(otel);
  const stops: (() => void)[] = [];
  const stopFollowing = mesh.follow((service) => void stops.push(traceService(service, tracer)));
  suppressed++;
  setUntraced((run) => context.with(suppressing(context.active()), run));
  const unregister = mesh.register({ kind: 'otel', name: 'traces' });
  let stopped = false;
  return () => {
    if (stopped) return;
    stopped = true;
    unregister();
    stopFollowing();
    for (const stop of stops) stop();
    suppressed--;
    if (suppressed === 0) setUntraced(undefined);
  };
}

/** Meshes that are traced: probes are untraced while there is one. */
let suppressed = 0;

/** The key that the SDK looks for, which it makes of this text. */
const SUPPRESS = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');

const suppressing = (active: Context): Context => active.setValue(SUPPRESS, true);
