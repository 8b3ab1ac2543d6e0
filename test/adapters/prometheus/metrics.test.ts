import { AsyncLocalStorage } from 'node:async_hooks';
import { Outcome } from 'fairlead';
import { type PrometheusOptions, prometheusMetrics } from 'fairlead/prometheus';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../../support/mesh.js';
import { type ParsedSample, parseOpenMetrics } from '../../support/openmetrics.js';

function setUp(options?: PrometheusOptions, names: Parameters<typeof testMesh>[0] = { users: endpoints(2) }) {
  const world = testMesh(names, { defaults: { policy: 'round_robin' } });
  const metrics = prometheusMetrics(world.mesh, options);
  const run = (latencyMs: number, outcome: Outcome = Outcome.Success, service = 'users'): void => {
    const lease = world.mesh.service(service).acquire();
    world.clock.advance(latencyMs);
    lease.done(outcome);
  };
  const samples = (): readonly ParsedSample[] => parseOpenMetrics(metrics.metrics()).samples;
  const value = (name: string, labels: Readonly<Record<string, string>> = {}): number | undefined =>
    samples().find(
      (sample) => sample.name === name && Object.entries(labels).every(([key, of]) => sample.labels[key] === of),
    )?.value;
  return { ...world, metrics, run, samples, value };
}

describe('the figures of a mesh for Prometheus', () => {
  it('are OpenMetrics: each family once, with its help, type and unit, and an end', () => {
    const { metrics, run } = setUp();
    run(10);
    const { families } = parseOpenMetrics(metrics.metrics());
    expect(metrics.contentType).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    expect(families.length).toBeGreaterThan(15);
    for (const { name, type, unit } of families) {
      expect(name).toMatch(/^fairlead_[a-z_]+$/);
      expect(type).toMatch(/^(counter|gauge|histogram)$/);
      expect(name.endsWith('_seconds')).toBe(unit === 'seconds');
    }
  });

  it('count calls by outcome, and time them in buckets that add up', () => {
    const { run, value, samples } = setUp({ buckets: [0.01, 0.1] });
    for (const ms of [5, 50, 500]) run(ms);
    run(7, Outcome.Timeout);
    expect(value('fairlead_calls_total', { outcome: 'success' })).toBe(3);
    expect(value('fairlead_calls_total', { outcome: 'timeout' })).toBe(1);
    expect(value('fairlead_calls_total', { outcome: 'failure' })).toBe(0);
    const buckets = samples().filter(({ name, labels }) => name.endsWith('_bucket') && labels.outcome === 'success');
    expect(buckets.map(({ labels, value: count }) => [labels.le, count])).toEqual([
      ['0.01', 1],
      ['0.1', 2],
      ['+Inf', 3],
    ]);
    expect(value('fairlead_call_duration_seconds_count', { outcome: 'success' })).toBe(3);
    expect(value('fairlead_call_duration_seconds_sum', { outcome: 'success' })).toBeCloseTo(0.555);
  });

  it('show endpoints with their states, calls and latency', () => {
    const { run, value, mesh } = setUp();
    for (let i = 0; i < 10; i++) run(20);
    for (let i = 0; i < 5; i++) mesh.service('users').acquire({ prefer: 'e1' }).done(Outcome.Failure);
    expect(value('fairlead_endpoint_calls_total', { endpoint: 'e0' })).toBe(5);
    expect(value('fairlead_endpoint_failures_total', { endpoint: 'e1' })).toBe(5);
    expect(value('fairlead_endpoint_ready', { endpoint: 'e0' })).toBe(1);
    expect(value('fairlead_endpoint_ready', { endpoint: 'e1' })).toBe(0);
    expect(value('fairlead_endpoint_latency_seconds', { endpoint: 'e0', quantile: '0.5' })).toBeCloseTo(0.02, 2);
    expect(value('fairlead_endpoints', { state: 'ejected' })).toBe(1);
    expect(value('fairlead_usable_endpoints')).toBe(1);
    expect(value('fairlead_ejections_total', { signal: 'consecutive_failures' })).toBe(1);
  });

  it('show the age of discovery in seconds, and the figures of parts', () => {
    const { mesh, clock, value } = setUp();
    mesh.service('users');
    mesh.register({ kind: 'mysql', name: 'orders', figures: () => ({ pooled: 7 }) });
    clock.advance(2_500);
    expect(value('fairlead_discovery_age_seconds', { service: 'users' })).toBe(2.5);
    expect(value('fairlead_part', { kind: 'mysql', part: 'orders', figure: 'pooled' })).toBe(7);
  });

  it('escape whatever a registry lets a name be', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }), (id) => {
        const { run, samples } = setUp({}, { users: [{ id, host: '10.0.0.1', port: 1 }] });
        run(1);
        const found = samples().find(({ name }) => name === 'fairlead_endpoint_calls_total');
        expect(found?.labels.endpoint).toBe(id);
      }),
      { numRuns: 200 },
    );
    const { run, metrics } = setUp({}, { users: [{ id: 'a"b\\c\nd', host: '10.0.0.1', port: 1 }] });
    run(1);
    expect(metrics.metrics()).toContain('endpoint="a\\"b\\\\c\\nd"');
  });

  it('let so many endpoints have series of their own, and those keep them', () => {
    const { run, samples, resolver, value, mesh } = setUp({ maxEndpoints: 2 }, { users: endpoints(3) });
    const shown = (): (string | undefined)[] =>
      samples().flatMap(({ name, labels }) => (name === 'fairlead_endpoint_inflight' ? [labels.endpoint] : []));
    run(1);
    expect(shown()).toEqual(['e0', 'e1']);
    expect(value('fairlead_endpoints_without_series')).toBe(1);
    // A new one that comes first in the list takes nobody's place.
    resolver.update('users', [{ id: 'a', host: '10.0.0.1', port: 1 }, ...endpoints(3)]);
    expect(shown()).toEqual(['e0', 'e1']);
    resolver.update('users', endpoints(3).slice(1));
    expect(mesh.service('users').endpoints).toHaveLength(2);
    expect(value('fairlead_calls_total', { outcome: 'success' })).toBe(1);
  });

  it('keep as many series as endpoints live, and left within five minutes; counters never fall', () => {
    const { run, samples, resolver, clock } = setUp({}, { pods: [] });
    const before = new Map<string, number>();
    for (let scrape = 0; scrape < 60; scrape++) {
      const pods = Array.from({ length: 50 }, (_, i) => ({ id: `p-${scrape}-${i}`, host: '10.0.0.1', port: 1 + i }));
      resolver.update('pods', pods);
      for (let i = 0; i < 50; i++) run(1, Outcome.Success, 'pods');
      clock.advance(15_000);
      const found = samples();
      expect(found.filter(({ name }) => name === 'fairlead_endpoint_calls_total').length).toBeLessThanOrEqual(1_100);
      for (const { name, labels, value } of found) {
        if (!/_(total|bucket|sum|count)$/.test(name)) continue;
        const series = `${name}${JSON.stringify(labels)}`;
        expect(value).toBeGreaterThanOrEqual(before.get(series) ?? 0);
        before.set(series, value);
      }
    }
  });

  it('carry the trace of the latest call of a bucket as its exemplar, in OpenMetrics alone', () => {
    const trace = new AsyncLocalStorage<string>();
    const { metrics, run, samples } = setUp({
      buckets: [0.01, 0.1],
      exemplar: () => {
        const id = trace.getStore();
        if (id === 'bad') throw new Error('no');
        return id === undefined ? undefined : { trace_id: id };
      },
    });
    trace.run('a1', () => run(5));
    trace.run('b2', () => run(50));
    trace.run('c3', () => run(60));
    trace.run('bad', () => run(5));
    trace.run('x'.repeat(200), () => run(5));
    run(5);
    // Another mesh of the process with a service of the same name.
    const other = setUp();
    trace.run('d4', () => other.run(5));
    const shown = samples().flatMap(({ exemplar, labels }) =>
      exemplar === undefined ? [] : [[labels.le, exemplar.labels.trace_id, exemplar.value]],
    );
    expect(shown).toEqual([
      ['0.01', 'a1', 0.005],
      ['0.1', 'c3', 0.06],
    ]);
    expect(metrics.metrics('text')).not.toContain('a1');
    metrics.close();
  });

  it('are the older text where that is asked for: counters named with _total, no unit, no end', () => {
    const { metrics, run } = setUp();
    run(1);
    const text = metrics.metrics('text');
    expect(text).toContain('# TYPE fairlead_calls_total counter\nfairlead_calls_total{');
    expect(text).not.toMatch(/# (UNIT|EOF)/);
  });

  it('cost nothing once closed, and refuse options that they do not know', () => {
    const { metrics, run, clock, mesh } = setUp();
    run(1);
    metrics.close();
    metrics.close();
    expect(clock.pending).toBe(0);
    for (const options of [
      { buckets: [2, 1] },
      { buckets: [] },
      { maxEndpoints: -1 },
      { exemplar: 1 },
      { bucket: [1] },
    ]) {
      expect(() => prometheusMetrics(mesh, options as never)).toThrow(
        /prometheusMetrics\.(bucket|maxEndpoints|exemplar)/,
      );
    }
  });
});
