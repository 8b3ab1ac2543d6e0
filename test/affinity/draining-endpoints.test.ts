import { describe, expect, it } from 'vitest';
import { DrainingEndpoints } from '../../src/affinity/draining-endpoints.js';
import type { LiveEndpoint } from '../../src/endpoint/live-endpoint.js';
import type { Clock } from '../../src/runtime/clock.js';

const endpoint = (id: string, wasWell = true): LiveEndpoint => ({ spec: { id }, wasWell }) as unknown as LiveEndpoint;

function world(drainMs = 1_000) {
  // One that can be set back: what is left is seen by that.
  const clock = { nowMs: 1_000 };
  const draining = new DrainingEndpoints({ now: () => clock.nowMs } as Clock, drainMs);
  return { clock, draining };
}

describe('endpoints that drain', () => {
  it('are known by their ids until their time is over', () => {
    const { clock, draining } = world();
    const e1 = endpoint('e1');
    draining.add(e1, undefined);
    clock.nowMs += 999;
    expect(draining.of('e1')).toMatchObject({ endpoint: e1, replaced: false });
    expect(draining.of('e2')).toBeUndefined();
    clock.nowMs += 1;
    expect(draining.of('e1')).toBeUndefined();
  });

  it('are not those that were out, nor any where sessions do not stay', () => {
    const { draining } = world();
    draining.add(endpoint('sick', false), undefined);
    expect(draining.of('sick')).toBeUndefined();
    const none = world(0);
    none.draining.add(endpoint('e1'), undefined);
    none.draining.drainMs = 500;
    none.clock.nowMs -= 1;
    expect(none.draining.of('e1')).toBeUndefined();
  });

  it('are replaced where another process has their id at once, and not by themselves', () => {
    const { draining } = world();
    const [before, after] = [endpoint('e1'), endpoint('e1')];
    draining.add(before, after);
    expect(draining.of('e1')).toMatchObject({ endpoint: before, replaced: true });
    draining.add(after, after);
    expect(draining.of('e1')).toMatchObject({ endpoint: after, replaced: false });
  });

  it('are gone once they failed a call; another process of their id is not meant', () => {
    const { draining } = world();
    const [before, after] = [endpoint('e1'), endpoint('e1')];
    draining.abandon(before);
    draining.add(after, undefined);
    draining.abandon(before);
    expect(draining.of('e1')?.endpoint).toBe(after);
    draining.abandon(after);
    expect(draining.of('e1')).toBeUndefined();
    draining.add(after, undefined);
    draining.clear();
    expect(draining.of('e1')).toBeUndefined();
  });

  it('are ten thousand at most: the one that left first is let go', () => {
    const { draining } = world();
    for (let i = 0; i < 10_000; i++) draining.add(endpoint(`e${i}`), undefined);
    expect(draining.of('e0')).toBeDefined();
    draining.add(endpoint('one more'), undefined);
    expect(draining.of('e0')).toBeUndefined();
    expect([draining.of('e1'), draining.of('one more')]).not.toContain(undefined);
  });

  it('are dropped in front when another leaves after their time, whatever that is now', () => {
    const { clock, draining } = world(1_000);
    draining.add(endpoint('old'), undefined);
    clock.nowMs += 1_000;
    draining.drainMs = 5_000;
    draining.add(endpoint('new'), undefined);
    expect(draining.of('new')).toBeDefined();
    clock.nowMs -= 500;
    expect(draining.of('old')).toBeUndefined();
  });
});
