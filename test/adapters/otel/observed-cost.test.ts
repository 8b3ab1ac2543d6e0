import { Metadata, status } from '@grpc/grpc-js';
import { TraceFlags, type TracerProvider, trace } from '@opentelemetry/api';
import { createMesh, Outcome, staticResolver } from 'fairlead';
import { callAbout, tracerOf } from 'fairlead/adapter';
import { fairleadMetricProducer, traceMesh } from 'fairlead/otel';
import { describe, expect, it } from 'vitest';
import { CallRecord } from '../../../adapters/grpc/calls/call-record.js';
import { GrpcCounts } from '../../../adapters/grpc/common/method-counts.js';
import { ChannelTelemetry } from '../../../adapters/grpc/common/telemetry.js';
import { bytesPer } from '../../support/bytes.js';

const UNSAMPLED = trace.wrapSpanContext({
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  traceFlags: TraceFlags.NONE,
});
const tracerProvider = { getTracer: () => ({ startSpan: () => UNSAMPLED }) } as unknown as TracerProvider;
const setter = { set: () => {} };

/** As one of grpc-js; each call of both kinds has one. */
class FakeStream {
  readonly listener = setter;
  sendMessageWithContext(): void {}
}

describe('a gRPC call with everything switched on: figures, spans that are not sampled, the recorder', () => {
  it('allocates at most 300 bytes more than its lease', async () => {
    const resolver = staticResolver({ users: ['10.0.0.1:1', '10.0.0.2:1'] });
    await using plain = createMesh({ resolver, services: { users: { policy: 'peak_ewma' } } });
    await using observed = createMesh({ resolver, services: { users: { policy: 'peak_ewma', recorder: {} } } });
    fairleadMetricProducer(observed);
    const stop = traceMesh(observed, { tracerProvider });
    const users = observed.service('users');
    const counts = new GrpcCounts();
    const telemetry = new ChannelTelemetry(users, 'fairlead:///users', observed.clock, counts);
    const metadata = new Metadata();
    const message = Buffer.alloc(5);
    let stream = new FakeStream();
    const call = (): void => {
      const record = new CallRecord(telemetry, '/a.B/C', false);
      const traces = tracerOf(users)!.call(callAbout('grpc', 'users', 'a.B/C'));
      const attempt = record.attempt(metadata);
      const lease = users.acquire();
      const traced = traces.attempt(lease.endpoint);
      attempt.endpoint = lease.endpoint;
      traced.inject(metadata, setter);
      stream = new FakeStream();
      attempt.opened(stream as never);
      attempt.received(message);
      lease.done(Outcome.Success);
      attempt.end(status.OK);
      traced.end('success', 'OK');
      record.end(status.OK);
      traces.end('OK');
    };
    const service = plain.service('users');
    const lease = (): void => {
      const one = service.acquire();
      stream = new FakeStream();
      one.done(Outcome.Success);
    };
    const more = bytesPer(call) - bytesPer(lease);
    stop();
    // 275 to 285 by Node 20 and 22, 240 by Node 24.
    expect(more).toBeLessThanOrEqual(300);
    expect(stream.listener).toBe(setter);
    expect(users.flight!.read().outcome).toContain(Outcome.Success);
    expect(counts.all[0]!.attempts[status.OK]!.durations.count).toBeGreaterThan(10_000);
  });
});
