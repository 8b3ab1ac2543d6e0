import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { context, propagation, type Span, SpanKind, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';

export interface OtlpSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
}

export interface Tracing {
  readonly provider: BasicTracerProvider;
  /** Those that ended, but for the tests' own. */
  readonly spans: readonly ReadableSpan[];
  /** What an OTLP receiver got. */
  readonly received: readonly OtlpSpan[];
  /** Runs it in a span of the test's, which is the parent of what it makes. */
  within<T>(run: (span: Span) => Promise<T>): Promise<T>;
  reset(): void;
  stop(): Promise<void>;
}

/** The SDK with its global parts, an exporter in memory, and one that posts to a receiver. */
export async function startTracing(): Promise<Tracing> {
  const received: OtlpSpan[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    for (const { scopeSpans } of JSON.parse(body).resourceSpans) {
      for (const { spans } of scopeSpans) received.push(...spans);
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`;
  const memory = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(memory), new SimpleSpanProcessor(new OTLPTraceExporter({ url }))],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(provider);
  const own = provider.getTracer('test');
  return {
    provider,
    received,
    get spans() {
      return memory.getFinishedSpans().filter(({ name }) => name !== 'test');
    },
    within: (run) =>
      own.startActiveSpan('test', { kind: SpanKind.SERVER }, async (span) => {
        try {
          return await run(span);
        } finally {
          span.end();
        }
      }),
    reset: () => memory.reset(),
    stop: async () => {
      await provider.shutdown();
      trace.disable();
      context.disable();
      propagation.disable();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
