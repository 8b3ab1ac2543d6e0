import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { createMesh, type Mesh, Outcome, staticResolver } from 'fairlead';
import { createAdmin } from 'fairlead/admin';
import { meshFigures } from 'fairlead/monitor';
import { fairleadMetricProducer } from 'fairlead/otel';
import { prometheusMetrics } from 'fairlead/prometheus';
import type { Contender, Suite } from '../runner/suite.js';

declare const gc: (() => void) | undefined;

function meshOf(endpoints: number): Mesh {
  const services = {
    users: Array.from({ length: endpoints }, (_, i) => ({ id: `e${i}`, host: '10.0.0.1', port: 1 + i })),
  };
  return createMesh({ resolver: staticResolver(services), defaults: { policy: 'peak_ewma' } });
}

/** One operation is a lease of a mesh of 100, acquired and done. */
const leases = (read: (mesh: Mesh) => unknown) => (): Contender => {
  const mesh = meshOf(100);
  read(mesh);
  const users = mesh.service('users');
  return {
    run: (operations) => {
      gc?.();
      const before = process.memoryUsage().heapUsed;
      for (let i = 0; i < operations; i++) users.acquire().done(Outcome.Success);
      return { bytes: Math.max(0, process.memoryUsage().heapUsed - before) / operations };
    },
    close: () => mesh.close(),
  };
};

/** The page of a mesh of 100, with somebody who follows it or without. */
const page = (followed: boolean) => async (): Promise<Contender> => {
  const mesh = meshOf(100);
  const port = await createAdmin(mesh).listen();
  const follower = followed ? get(`http://127.0.0.1:${port}/api/stream`) : undefined;
  if (follower !== undefined) {
    const [response] = (await once(follower, 'response')) as [IncomingMessage];
    if (response.statusCode !== 200) throw new Error(`the page answers ${response.statusCode}`);
    response.resume();
  }
  const users = mesh.service('users');
  return {
    run: (operations) => {
      for (let i = 0; i < operations; i++) users.acquire().done(Outcome.Success);
      return undefined;
    },
    close: () => {
      follower?.destroy();
      return mesh.close();
    },
  };
};

/** One operation is a scrape of a mesh whose 1,000 endpoints all had calls lately. */
const scrapes = (open: (mesh: Mesh) => () => unknown) => (): Contender => {
  const mesh = meshOf(1_000);
  const scrape = open(mesh);
  const users = mesh.service('users');
  for (const { spec } of users.endpoints) {
    for (let i = 0; i < 20; i++) users.acquire({ prefer: spec.id }).done(Outcome.Success);
  }
  return {
    run: async (operations) => {
      for (let i = 0; i < operations; i++) await scrape();
      return undefined;
    },
    close: () => mesh.close(),
  };
};

export const suite: Suite = {
  about: 'what figures and the page cost a call, and what a scrape costs',
  rounds: 5,
  cases: [
    {
      title: 'acquire and done on 100 endpoints, peak_ewma',
      operations: 1_000_000,
      baseline: 'nobody reads figures',
      contenders: {
        'nobody reads figures': leases(() => {}),
        'figures are read': leases(meshFigures),
        prometheusMetrics: leases((mesh) => prometheusMetrics(mesh)),
        fairleadMetricProducer: leases((mesh) => fairleadMetricProducer(mesh)),
        'the page, closed': page(false),
        'the page, open': page(true),
      },
    },
    {
      title: 'a scrape of 1,000 endpoints with calls',
      operations: 20,
      baseline: 'figures.read()',
      contenders: {
        'figures.read()': scrapes((mesh) => {
          const figures = meshFigures(mesh);
          return () => figures.read();
        }),
        'prometheusMetrics, OpenMetrics text': scrapes((mesh) => {
          const metrics = prometheusMetrics(mesh);
          return () => metrics.metrics();
        }),
        'fairleadMetricProducer, 1,000 series': scrapes((mesh) => {
          const producer = fairleadMetricProducer(mesh, { maxEndpoints: 1_000 });
          return () => producer.collect();
        }),
      },
    },
  ],
};
