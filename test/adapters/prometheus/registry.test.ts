import { Outcome } from 'fairlead';
import { prometheusMetrics } from 'fairlead/prometheus';
import { Counter, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../../support/mesh.js';
import { parseOpenMetrics } from '../../support/openmetrics.js';

function setUp() {
  const { mesh, clock } = testMesh({ users: endpoints(2) }, { defaults: { policy: 'round_robin' } });
  const metrics = prometheusMetrics(mesh);
  const run = (ms: number): void => {
    const lease = mesh.service('users').acquire();
    clock.advance(ms);
    lease.done(Outcome.Success);
  };
  return { mesh, clock, metrics, run };
}

describe('a Registry of prom-client that they joined', () => {
  it('shows them beside its own, with the values of the moment of the scrape', async () => {
    const { metrics, run, clock } = setUp();
    const registry = new Registry();
    new Counter({ name: 'own_total', help: 'own', registers: [registry] }).inc();
    metrics.join(registry);
    run(10);
    clock.advance(1_000);
    const lines = (text: string): string[] => text.split('\n').filter((line) => /^fairlead_(?!discovery)/.test(line));
    expect(lines(await registry.metrics())).toEqual(lines(metrics.metrics('text')));
    expect(await registry.metrics()).toContain('own_total 1');
    run(10);
    clock.advance(1_000);
    expect(await registry.metrics()).toContain('fairlead_calls_total{service="users",outcome="success"} 2');
  });

  it('shows them as OpenMetrics where it speaks that', async () => {
    const { metrics, run, clock } = setUp();
    const registry = new Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>();
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    metrics.join(registry);
    run(10);
    clock.advance(1_000);
    for (let i = 0; i < 2; i++) {
      const { samples } = parseOpenMetrics(await registry.metrics());
      const names = new Set(samples.map(({ name }) => name));
      expect(names).toContain('fairlead_calls_total');
      expect(names).toContain('fairlead_call_duration_seconds_bucket');
    }
    expect(await registry.getMetricsAsJSON()).toHaveLength((await registry.getMetricsAsArray()).length);
  });

  it('has them no longer once they left, and refuses them twice', () => {
    const { metrics } = setUp();
    const registry = new Registry();
    const leave = metrics.join(registry);
    expect(() => metrics.join(registry)).toThrow(/already been registered/);
    leave();
    expect(registry.getMetricsAsArray()).toEqual([]);
    metrics.join(registry);
  });
});
