import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { createMesh, Outcome, staticResolver } from 'fairlead';
import { fairleadMetricProducer } from 'fairlead/otel';
import { expect, it } from 'vitest';

interface OtlpMetric {
  readonly name: string;
  readonly sum?: { readonly isMonotonic?: boolean; readonly aggregationTemporality: number };
  readonly gauge?: object;
  readonly histogram?: { readonly dataPoints: { readonly count: number; readonly bucketCounts: number[] }[] };
}

/** An OTLP/HTTP receiver for JSON. */
async function startReceiver() {
  const metrics: OtlpMetric[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    for (const { scopeMetrics } of JSON.parse(body).resourceMetrics) {
      for (const each of scopeMetrics) metrics.push(...each.metrics);
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    metrics,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/metrics`,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

it('what the producer gives arrives at an OTLP receiver', async () => {
  const receiver = await startReceiver();
  const mesh = createMesh({ resolver: staticResolver({ users: ['10.0.0.1:1', '10.0.0.2:1'] }) });
  const producer = fairleadMetricProducer(mesh);
  const exporter = new OTLPMetricExporter({ url: receiver.url });
  const provider = new MeterProvider({
    readers: [new PeriodicExportingMetricReader({ exporter, metricProducers: [producer] })],
  });
  for (let i = 0; i < 10; i++) mesh.service('users').acquire().done(Outcome.Success);
  await provider.forceFlush();
  const named = new Map(receiver.metrics.map((metric) => [metric.name, metric]));
  const [duration] = named.get('fairlead.call.duration')!.histogram!.dataPoints;
  expect(Number(duration!.count)).toBe(10);
  expect(duration!.bucketCounts.reduce((sum, count) => sum + Number(count), 0)).toBe(10);
  expect(named.get('fairlead.service.usable')!.sum).toMatchObject({ aggregationTemporality: 2 });
  expect(named.get('fairlead.discovery.age')!.gauge).toBeDefined();
  await provider.shutdown();
  producer.close();
  await mesh.close();
  await receiver.close();
});
