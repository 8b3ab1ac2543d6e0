import { type SpanOptions, TraceFlags, type TracerProvider, trace } from '@opentelemetry/api';
import { type CallAbout, tracerOf } from 'fairlead/adapter';
import { traceMesh } from 'fairlead/otel';
import { afterEach, describe, expect, it } from 'vitest';
import { bytesPer } from '../../support/bytes.js';
import { endpoints, testMesh } from '../../support/mesh.js';

/**
 * What a call allocates whose span nobody wants, 99 of 100 where 1 % are sampled: without what the
 * SDK and the propagator allocate, so in figures that neither of them can change.
 */
const UNSAMPLED = trace.wrapSpanContext({
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  traceFlags: TraceFlags.NONE,
});

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

function traced() {
  const begun: SpanOptions[] = [];
  const tracerProvider = {
    getTracer: () => ({
      startSpan: (_name: string, options: SpanOptions) => {
        if (begun.length < 10) begun.push(options);
        return UNSAMPLED;
      },
    }),
  } as unknown as TracerProvider;
  const { mesh } = testMesh({ users: endpoints(1) });
  const service = mesh.service('users');
  stops.push(traceMesh(mesh, { tracerProvider }));
  const tracer = tracerOf(service)!;
  const [endpoint] = service.endpoints;
  const setter = { set: () => {} };
  const call = (about: CallAbout): void => {
    const traces = tracer.call(about);
    traces.waited();
    const attempt = traces.attempt(endpoint!);
    attempt.inject(about, setter);
    attempt.end('success', 'OK');
    traces.end('OK');
  };
  return { begun, call };
}

describe('a call that is traced and not sampled', () => {
  it.each<[bytes: number, about: CallAbout]>([
    // The context that is propagated.
    [48, { system: 'grpc', service: 'users', method: 'test.Echo/Unary' }],
    // The call besides, whose attempt is what the sampler is asked about.
    [208, { system: 'grpc', service: 'users', method: 'test.Echo/Unary', spanned: true }],
    [208, { system: 'http', service: 'users', method: 'GET' }],
    [208, { system: 'call', service: 'users' }],
  ])('allocates at most %i bytes: %o', (bytes, about) => {
    const { begun, call } = traced();
    const turn = (): void => call(about);
    const [once, again] = [bytesPer(turn), bytesPer(turn)];
    expect(once).toBeLessThanOrEqual(bytes);
    expect(Math.abs(again - once)).toBeLessThanOrEqual(8);
    // One span a call, and what samplers look at is the same object for all of them.
    expect(new Set(begun).size).toBe(1);
  });
});
