import { Metadata, status } from '@grpc/grpc-js';
import { context, TraceFlags, type TracerProvider, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider, ParentBasedSampler, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace-base';
import { createMesh, type Mesh, Outcome, type ServiceOptions, staticResolver } from 'fairlead';
import { callAbout, tracerOf } from 'fairlead/adapter';
import { meshFigures } from 'fairlead/monitor';
import { traceMesh } from 'fairlead/otel';
import { CallRecord } from '../../adapters/grpc/calls/call-record.js';
import { GrpcCounts } from '../../adapters/grpc/common/method-counts.js';
import { ChannelTelemetry } from '../../adapters/grpc/common/telemetry.js';
import type { Contender, Suite } from '../runner/suite.js';

const UNSAMPLED = trace.wrapSpanContext({
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  traceFlags: TraceFlags.NONE,
});
/** A sampler that wants nothing, of an SDK that costs nothing: what is left is ours. */
const NO_SDK = { getTracer: () => ({ startSpan: () => UNSAMPLED }) } as unknown as TracerProvider;
const setter = { set: () => {} };
const MESSAGE = Buffer.alloc(5);

/** As one of grpc-js; each call has one. */
class FakeStream {
  readonly listener = setter;
  sendMessageWithContext(): void {}
}

interface Switched {
  readonly figures?: boolean;
  readonly tracerProvider?: () => TracerProvider;
  readonly options?: ServiceOptions;
}

/** What looks on does of a unary call, beside its lease, and no transport. */
const calls =
  ({ figures = false, tracerProvider, options }: Switched) =>
  (): Contender => {
    const resolver = staticResolver({ users: ['10.0.0.1:1', '10.0.0.2:1', '10.0.0.3:1'] });
    const mesh: Mesh = createMesh({ resolver, services: { users: { policy: 'peak_ewma', ...options } } });
    if (figures) meshFigures(mesh);
    if (tracerProvider !== undefined) {
      context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
      traceMesh(mesh, { tracerProvider: tracerProvider() });
    }
    const users = mesh.service('users');
    const telemetry = new ChannelTelemetry(users, 'fairlead:///users', mesh.clock, new GrpcCounts());
    const metadata = new Metadata();
    const tracer = tracerOf(users);
    let stream = new FakeStream();
    return {
      run: (operations) => {
        for (let i = 0; i < operations; i++) {
          const record = figures ? new CallRecord(telemetry, '/a.B/C', false) : undefined;
          const traces = tracer?.call(callAbout('grpc', 'users', 'a.B/C'));
          const attempt = record?.attempt(metadata);
          const lease = users.acquire();
          const traced = traces?.attempt(lease.endpoint);
          if (attempt !== undefined) attempt.endpoint = lease.endpoint;
          traced?.inject(metadata, setter);
          stream = new FakeStream();
          attempt?.opened(stream as never);
          attempt?.received(MESSAGE);
          lease.done(Outcome.Success);
          attempt?.end(status.OK);
          traced?.end('success', 'OK');
          record?.end(status.OK);
          traces?.end('OK');
        }
        return undefined;
      },
      close: () => mesh.close(),
    };
  };

const SAMPLED = 0.01;
const SDK = (): TracerProvider =>
  new BasicTracerProvider({ sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(SAMPLED) }) });
const RECORDED: ServiceOptions = { recorder: {} };

export const suite: Suite = {
  about: 'what figures, spans and the recorder add to a gRPC call, in a loop by itself',
  rounds: 20,
  cases: [
    {
      title: 'a unary call without its transport, peak_ewma',
      operations: 100_000,
      baseline: 'a lease',
      contenders: {
        'a lease': calls({}),
        figures: calls({ figures: true }),
        recorder: calls({ options: RECORDED }),
        'spans that no sampler wants, no SDK': calls({ tracerProvider: () => NO_SDK }),
        'everything, no SDK': calls({ figures: true, tracerProvider: () => NO_SDK, options: RECORDED }),
        'everything, spans of 1 % by the SDK': calls({ figures: true, tracerProvider: SDK, options: RECORDED }),
      },
    },
  ],
};
