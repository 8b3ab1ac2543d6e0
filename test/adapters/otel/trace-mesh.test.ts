import {
  type Attributes,
  context,
  propagation,
  ROOT_CONTEXT,
  type SpanContext,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type Sampler,
  SamplingDecision,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { type CallAbout, tracerOf } from 'fairlead/adapter';
import { traceMesh } from 'fairlead/otel';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../../support/mesh.js';

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
});
afterAll(() => {
  context.disable();
  propagation.disable();
});

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

interface Asked {
  readonly name: string;
  readonly attributes: Attributes;
}

/** A mesh whose spans are wanted where `decision` says so, and what the sampler was asked. */
function traced(decision: SamplingDecision) {
  const asked: Asked[] = [];
  const sampler: Sampler = {
    shouldSample: (_context, _traceId, name, _kind, attributes) => {
      asked.push({ name, attributes: { ...attributes } });
      return { decision };
    },
    toString: () => 'test',
  };
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ sampler, spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const { mesh } = testMesh({ users: endpoints(2) });
  const service = mesh.service('users');
  stops.push(traceMesh(mesh, { tracerProvider: provider }));
  const tracer = tracerOf(service)!;
  return { asked, exporter, provider, service, tracer, endpoints: service.endpoints };
}

type Traced = ReturnType<typeof traced>;

const GRPC: CallAbout = { system: 'grpc', service: 'users', method: 'test.Echo/Unary' };
const HTTP: CallAbout = { system: 'http', service: 'users', method: 'GET' };

const HEADERS = {
  set: (carrier: Record<string, string>, name: string, value: string): void => {
    carrier[name] = value;
  },
};

/** A call of two attempts; what each told its server. */
function repeated({ tracer, endpoints: [first, second] }: Traced, about: CallAbout): Record<string, string>[] {
  const told: Record<string, string>[] = [{}, {}];
  const call = tracer.call(about);
  const failed = call.attempt(first!);
  failed.inject(told[0]!, HEADERS);
  failed.end('failure', about.system === 'grpc' ? 'UNAVAILABLE' : undefined);
  const served = call.attempt(second!);
  served.inject(told[1]!, HEADERS);
  served.end('success', about.system === 'grpc' ? 'OK' : 200);
  call.end('OK');
  return told;
}

describe('a gRPC call that is not sampled', () => {
  it('asks the sampler once, by the attributes that samplers may go by', () => {
    const world = traced(SamplingDecision.NOT_RECORD);
    repeated(world, GRPC);
    expect(world.asked).toEqual([
      {
        name: 'Sent.test.Echo/Unary',
        attributes: { 'rpc.system.name': 'grpc', 'rpc.method': 'test.Echo/Unary', 'server.address': 'users' },
      },
    ]);
    expect(world.exporter.getFinishedSpans()).toEqual([]);
  });

  it('tells servers that it is not, in the trace of its caller', () => {
    const world = traced(SamplingDecision.NOT_RECORD);
    const parent: SpanContext = {
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      traceFlags: TraceFlags.SAMPLED,
      isRemote: true,
    };
    const told = context.with(trace.setSpanContext(ROOT_CONTEXT, parent), () => repeated(world, GRPC));
    for (const { traceparent } of told) expect(traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-.{16}-00$/);
    expect(told[0]!.traceparent).not.toContain(parent.spanId);
  });

  it('tells them what else the context of its caller has', () => {
    const world = traced(SamplingDecision.NOT_RECORD);
    const within = propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage({ tenant: { value: 'a' } }));
    let baggage: string | undefined;
    const reads = {
      inject: (from: Parameters<typeof propagation.getBaggage>[0]) => {
        baggage = propagation.getBaggage(from)?.getEntry('tenant')?.value;
      },
      extract: (from: typeof within) => from,
      fields: () => [],
    };
    propagation.disable();
    propagation.setGlobalPropagator(reads);
    context.with(within, () => repeated(world, GRPC));
    propagation.disable();
    propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    expect(baggage).toBe('a');
  });

  it('has spans all the same where they are recorded for something else than export', () => {
    const world = traced(SamplingDecision.RECORD);
    repeated(world, GRPC);
    expect(world.asked.map(({ name }) => name)).toEqual([
      'Sent.test.Echo/Unary',
      'Attempt.test.Echo/Unary',
      'Attempt.test.Echo/Unary',
    ]);
  });
});

describe('a request over HTTP that is not sampled', () => {
  it('asks the sampler by the attributes of its attempt', () => {
    const world = traced(SamplingDecision.NOT_RECORD);
    repeated(world, HTTP);
    expect(world.asked[0]).toEqual({
      name: 'users attempt',
      attributes: {
        'server.address': 'users',
        'network.peer.address': '127.0.0.1',
        'network.peer.port': 5_000,
        'fairlead.endpoint': 'e0',
        'http.request.method': 'GET',
      },
    });
  });

  it('is the parent of what is made while it is sent, which so is not sampled either', () => {
    const {
      tracer,
      endpoints: [endpoint],
    } = traced(SamplingDecision.NOT_RECORD);
    const attempt = tracer.call(HTTP).attempt(endpoint!);
    const told: Record<string, string> = {};
    attempt.inject(told, HEADERS);
    const below = attempt.run(() => trace.getSpanContext(context.active()));
    expect(below).toMatchObject({ spanId: told.traceparent!.split('-')[2], traceFlags: TraceFlags.NONE });
    // As a context, it takes more and gives it back.
    const key = Symbol('more');
    const more = attempt.run(() => context.active().setValue(key, 1));
    expect([more.getValue(key), trace.getSpanContext(more)]).toEqual([1, below]);
    expect(more.deleteValue(key).getValue(key)).toBeUndefined();
    expect(trace.getSpan(attempt.run(() => trace.deleteSpan(context.active())))).toBeUndefined();
  });

  it('runs where its caller is, where that is not sampled', () => {
    const {
      tracer,
      endpoints: [endpoint],
    } = traced(SamplingDecision.NOT_RECORD);
    const spanContext = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 0 };
    const within = trace.setSpanContext(ROOT_CONTEXT, spanContext);
    const ran = context.with(within, () =>
      tracer
        .call(HTTP)
        .attempt(endpoint!)
        .run(() => context.active()),
    );
    expect(ran).toBe(within);
  });

  it('goes by the address that its endpoint has now', () => {
    const {
      tracer,
      asked,
      endpoints: [endpoint],
    } = traced(SamplingDecision.NOT_RECORD);
    tracer.call(HTTP).attempt(endpoint!);
    tracer.call({ ...HTTP, method: 'POST' }).attempt(endpoint!);
    const moved = { spec: { ...endpoint!.spec, port: 7_000 } };
    Object.setPrototypeOf(moved, endpoint!);
    tracer.call(HTTP).attempt(moved as never);
    expect(asked.map(({ attributes }) => [attributes['http.request.method'], attributes['network.peer.port']])).toEqual(
      [
        ['GET', 5_000],
        ['POST', 5_000],
        ['GET', 7_000],
      ],
    );
  });
});

describe('a call that is sampled', () => {
  it.each([GRPC, HTTP])('has a span for each attempt, linked to the one before: $system', (about) => {
    const world = traced(SamplingDecision.RECORD_AND_SAMPLED);
    const told = repeated(world, about);
    const attempts = world.exporter.getFinishedSpans().filter(({ name }) => /attempt/i.test(name));
    const ids = attempts.map((span) => span.spanContext().spanId);
    expect(told.map(({ traceparent }) => traceparent!.split('-')[2])).toEqual(ids);
    expect(attempts.map(({ links }) => links.map((link) => link.context.spanId))).toEqual([[], [ids[0]]]);
  });
});

describe('a split command that is not sampled', () => {
  it('is the parent of its parts', () => {
    const { tracer } = traced(SamplingDecision.NOT_RECORD);
    const about = { system: 'redis', service: 'users', operation: 'mget', size: 2 } as const;
    const { sent, end } = tracer.batch(about, () => trace.getSpanContext(context.active()));
    expect(sent?.traceFlags).toBe(TraceFlags.NONE);
    end(new Error('lost'));
  });
});
