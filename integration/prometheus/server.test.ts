import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createMesh, Outcome, staticResolver } from 'fairlead';
import { prometheusMetrics } from 'fairlead/prometheus';
import { describe, expect, it } from 'vitest';
import { type PrometheusMajor, promtool, startPrometheus, until } from '../harness/index.js';

const OPS = join(import.meta.dirname, '..', '..', 'ops');
const RULES = join(OPS, 'prometheus', 'alerts.yml');

interface Panel {
  readonly title: string;
  readonly targets: readonly { readonly expr: string }[];
}

const dashboard = JSON.parse(readFileSync(join(OPS, 'grafana', 'fairlead.json'), 'utf8')) as {
  readonly panels: readonly Panel[];
};

/** A mesh at work, with a bit of everything that the dashboard shows. */
async function startRun() {
  const users = Array.from({ length: 4 }, (_, i) => ({ id: `u"${i}\\`, host: '10.0.0.1', port: 1 + i }));
  const mesh = createMesh({
    resolver: staticResolver({ users, alone: ['10.0.0.2:1'] }),
    defaults: { policy: 'round_robin', resilience: { idempotent: true } },
  });
  const metrics = prometheusMetrics(mesh, { exemplar: () => ({ trace_id: '4bf92f3577b34da6a3ce929d0e0e4736' }) });
  const unregister = mesh.register({ kind: 'demo', name: 'pool', figures: () => ({ pooled: 3 }) });
  const server = createServer(metrics.handler).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const call = async (): Promise<void> => {
    mesh.service('alone').acquire().done(Outcome.Success);
    await mesh
      .service('users')
      .call((endpoint) => {
        if (endpoint === mesh.service('users').endpoints[0])
          throw Object.assign(new Error('down'), { code: 'ECONNRESET' });
      })
      .catch(() => {});
  };
  let working = true;
  const work = (async () => {
    while (working) {
      await call();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  return {
    target: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      working = false;
      await work;
      unregister();
      metrics.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await mesh.close();
    },
  };
}

describe.each<PrometheusMajor>([2, 3])('Prometheus %i', (major) => {
  it('takes the rules for right, and their tests pass', async () => {
    expect(await promtool(major, 'check', 'rules', RULES)).toContain('SUCCESS');
    expect(await promtool(major, 'test', 'rules', RULES.replace('.yml', '.test.yml'))).toContain('SUCCESS');
  });

  it('scrapes a mesh at work, and each expression of the dashboard has an answer', async () => {
    await using run = await startRun();
    await using prometheus = await startPrometheus({ major, targets: [run.target], rules: [RULES] });
    await until('calls were scraped twice', async () => {
      const [count] = await prometheus.query(
        'count_over_time(fairlead_calls_total{service="users",outcome="success"}[1m])',
      );
      return Number(count?.value[1]) >= 3;
    });
    expect(await prometheus.targets()).toMatchObject([{ health: 'up', lastError: '' }]);
    const expressions = dashboard.panels.flatMap(({ title, targets }) =>
      targets.map(({ expr }) => [title, expr] as const),
    );
    expect(expressions.length).toBeGreaterThan(20);
    for (const [title, expr] of expressions) {
      const query = expr.replaceAll('$__rate_interval', '1m').replaceAll('$service', '.*');
      const found = await until(`'${title}' has an answer`, async () => {
        const result = await prometheus.query(query);
        return result.length > 0 ? result : undefined;
      });
      expect(
        found.some(({ value }) => Number.isFinite(Number(value[1]))),
        `${title}: ${query}`,
      ).toBe(true);
    }
    const ids = await prometheus.query('fairlead_endpoint_ready{service="users"}');
    expect(ids.map(({ metric }) => metric.endpoint).sort()).toEqual(['u"0\\', 'u"1\\', 'u"2\\', 'u"3\\']);
    await until('the rules have recorded', async () => {
      const [ratio] = await prometheus.query('service:fairlead_failures:ratio_rate5m{service="users"}');
      return Number(ratio?.value[1]) >= 0;
    });
  });
});
