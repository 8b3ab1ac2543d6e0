import { Outcome } from 'fairlead';
import { routeCalls, startCanary } from 'fairlead/routing';
import { describe, expect, it } from 'vitest';
import { canaryOf } from '../../../src/routing/canary/canary.js';
import { testMesh } from '../../support/mesh.js';

function world() {
  const instance = (version: string) => ({ id: version, host: '127.0.0.1', port: 5_000 + Number(version) });
  const users = ['1', '2'].map((version) => ({ ...instance(version), meta: { version } }));
  const { mesh, clock } = testMesh({ users }, { defaults: { health: [] } });
  const service = mesh.service('users');
  const routing = routeCalls(service, { split: { name: 'users', arms: { v2: { share: 5, version: '2' } } } });
  const canary = startCanary(routing, { arm: 'v2', steps: [{ share: 10 }, { share: 60 }] });
  const told: string[] = [];
  for (const event of ['changed', 'rolledBack', 'passed', 'stalled'] as const) {
    canary.on(event, (...[{ state, share }]) => void told.push(`${event}: ${state} at ${share}`));
  }
  return { mesh, clock, service, routing, canary, told };
}

describe('a canary that is moved by hand', () => {
  it('is told of when it is rolled back, once, and says that it was by hand', () => {
    const { canary, told } = world();
    canary.rollBack();
    canary.rollBack();
    canary.promote();
    expect(told).toEqual(['changed: rolled_back at 0', 'rolledBack: rolled_back at 0']);
    expect(canary.status.reason).toBe('by hand');
  });

  it('is told of when it is promoted, once, at the share of its last step', () => {
    const { canary, told, routing } = world();
    canary.promote();
    canary.promote();
    canary.rollBack();
    expect(told).toEqual(['changed: passed at 60', 'passed: passed at 60']);
    expect(canary.status).toMatchObject({ step: 1, reason: 'promoted by hand' });
    expect(routing.status.arms.v2!.share).toBe(60);
  });

  it('is told of when it pauses and goes on, not where it does already', () => {
    const { canary, told } = world();
    canary.resume();
    canary.pause();
    canary.pause();
    canary.resume();
    canary.resume();
    expect(told).toEqual(['changed: paused at 10', 'changed: running at 10']);
  });

  it('is known to its routing, over or not', () => {
    const { canary, routing } = world();
    expect(canaryOf(routing)).toBe(canary);
    canary.close();
    expect(canaryOf(routing)).toBe(canary);
  });

  it('has no share to lose, nor to win, once its arm was taken away', () => {
    const { canary, told, routing } = world();
    routing.update({ split: { name: 'users', arms: { v3: { share: 5, version: '3' } } } });
    canary.rollBack();
    canary.promote();
    expect(told.filter((each) => /rolledBack|passed/.test(each))).toEqual([]);
    expect(Object.keys(routing.status.arms)).not.toContain('v2');
  });
});

describe('a key of bytes', () => {
  it('is of the arm that its text is of', () => {
    const { service } = world();
    const versionOf = (key: string | Uint8Array): string => {
      const lease = service.acquire({ key });
      lease.done(Outcome.Success);
      return lease.endpoint.spec.meta.version!;
    };
    const keys = Array.from({ length: 300 }, (_, i) => `user-${i}`);
    const versions = keys.map(versionOf);
    expect(new Set(versions)).toEqual(new Set(['1', '2']));
    expect(keys.map((key) => versionOf(Buffer.from(key)))).toEqual(versions);
  });
});
