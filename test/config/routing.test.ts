import { Outcome, type Service } from 'fairlead';
import { type ConfigDocument, createConfigStore } from 'fairlead/config';
import { routeCalls, startCanary } from 'fairlead/routing';
import { describe, expect, it } from 'vitest';
import { testMesh } from '../support/mesh.js';

const instance = (version: string, i: number) => ({
  id: `v${version}-${i}`,
  host: '127.0.0.1',
  port: 5_000 + 10 * Number(version) + i,
  meta: { version, ...(version === '4' && { lane: 'x' }) },
});

type Routed = NonNullable<ConfigDocument['routing']>[string];

function setUp() {
  const users = ['1', '2', '3', '4'].flatMap((version) => [instance(version, 0), instance(version, 1)]);
  const made = testMesh({ users }, { defaults: { health: [] } });
  const config = createConfigStore(made.mesh, { compare: false });
  const apply = (users: Routed | undefined, more: ConfigDocument = {}) =>
    config.apply({ ...more, ...(users && { routing: { users } }) });
  return { ...made, config, apply };
}

const split = (share: number, arms: object = {}) => ({
  name: 'users',
  arms: { v2: { share, version: '2' }, ...arms },
});

function drive(service: Service, calls: number, bad = 0): string[] {
  return Array.from({ length: calls }, (_, i) => {
    const lease = service.acquire({ key: `user-${i}` });
    const isBad = lease.endpoint.spec.meta.version === '2' && i % 100 < bad;
    lease.done(isBad ? Outcome.Failure : Outcome.Success);
    return lease.endpoint.spec.meta.version!;
  });
}

describe('a document that says how calls are routed', () => {
  it('routes services that run, and those made later from their first call on', async () => {
    const { mesh, apply } = setUp();
    await apply({ split: split(100) });
    const users = mesh.service('users');
    expect(new Set(drive(users, 50))).toEqual(new Set(['2']));
    await apply({ split: split(0), lanes: true });
    expect(new Set(drive(users, 50))).toEqual(new Set(['1', '3']));
    await apply(undefined);
    expect(new Set(drive(users, 50)).size).toBe(4);
  });

  it('is refused with all that is wrong, at its place', async () => {
    const { config } = setUp();
    const text = `routing:
  users:
    split:
      name: users
      arms: { v2: { share: 60, vresion: '2' }, v3: { share: 50, version: '3' } }
    shadow: { arm: v9, share: 0 }
    canary: { arm: v3, steps: [{ share: 5 }, { share: 60 }] }
`;
    const problemsOf = (given: string) =>
      config.apply(given).catch(({ problems }) => problems as { line: number; path: string; message: string }[]);
    expect(await problemsOf(text)).toMatchObject([
      { line: 5, path: 'routing.users.split.arms.v2.vresion', nearest: 'version' },
      { line: 6, path: 'routing.users.shadow.share' },
    ]);
    const mended = text.replace('vresion', 'version').replace('share: 0', 'share: 1');
    expect(await problemsOf(mended)).toMatchObject([
      { path: 'routing.users.split.arms', message: expect.stringContaining('together is 110') },
    ]);
    const fits = mended.replace('share: 60, version', 'share: 50, version');
    expect(await problemsOf(fits)).toMatchObject([{ message: expect.stringContaining('shadow.arm is "v9"') }]);
    const known = fits.replace('arm: v9', 'arm: v2');
    expect(await problemsOf(known)).toMatchObject([{ message: expect.stringContaining('at most 50 beside') }]);
  });

  it('keeps the counts of what it says again', async () => {
    const { mesh, config, apply } = setUp();
    const users = mesh.service('users');
    await apply({ split: split(50), lanes: true });
    drive(users, 200);
    const before = config.routing('users')!.status.arms;
    const version = await apply({ split: split(40, { v3: { share: 10, version: '3' } }), lanes: { fallback: false } });
    expect(version.changes.map(({ path, effect }) => [path, effect])).toEqual([
      ['routing.users.split.arms.v2.share', 'live'],
      ['routing.users.split.arms.v3', 'live'],
      ['routing.users.lanes', 'live'],
    ]);
    const { arms } = config.routing('users')!.status;
    expect(arms.v2!.calls).toBe(before.v2!.calls);
    expect(arms.baseline!.calls).toBe(before.baseline!.calls);
  });

  it('is refused where the program routes the service, or judges a canary, by itself', async () => {
    const { mesh, config, apply } = setUp();
    const own = routeCalls(mesh.service('users'), { lanes: true });
    const refused = { code: 'FAIRLEAD_CONFLICT', service: 'users' };
    await expect(apply({ split: split(5) })).rejects.toMatchObject(refused);
    expect((await config.plan({ routing: { users: { lanes: true } } })).refused).toMatchObject(refused);
    own.close();
    await apply({ split: split(5) });
    const canary = startCanary(config.routing('users')!, { arm: 'v2' });
    await expect(apply({ split: split(5), canary: { arm: 'v2' } })).rejects.toMatchObject(refused);
    expect(config.current?.number).toBe(1);
    canary.close();
    await apply({ split: split(5), canary: { arm: 'v2' } });
    expect(config.canary('users')?.status.state).toBe('running');
  });
});

describe('a canary of a document', () => {
  const canary = { arm: 'v2', steps: [{ share: 10 }, { share: 50 }] };

  it('begins with its first step, whatever the share of its arm says', async () => {
    const { mesh, config, apply } = setUp();
    mesh.service('users');
    await apply({ split: split(90), canary });
    expect(config.canary('users')!.status).toMatchObject({ state: 'running', step: 0, share: 10 });
  });

  it('goes on in its step while documents change all around it, and tells what becomes of it', async () => {
    const { mesh, clock, config, apply } = setUp();
    const users = mesh.service('users');
    const told: string[] = [];
    config.on('canary', ({ service, status }) => told.push(`${service} ${status.state} ${status.step}`));
    await apply({ split: split(0), canary });
    for (let i = 0; i < 13; i++) {
      drive(users, 400);
      clock.advance(10_000);
    }
    const { step, share, calls } = config.canary('users')!.status;
    expect([step, share]).toEqual([1, 50]);
    const kept = config.canary('users');
    await apply({ split: split(20, { v3: { share: 10, version: '3' } }), canary, lanes: true }, { defaults: {} });
    await apply({ split: split(0), canary }, { services: { users: { policy: 'random' } } });
    expect(config.canary('users')).toBe(kept);
    expect(kept!.status).toMatchObject({ state: 'running', step, share, calls });
    drive(users, 400, 50);
    clock.advance(10_000);
    expect(kept!.status.state).toBe('rolled_back');
    expect(told).toEqual(['users running 1', 'users rolled_back 1']);
  });

  it('stays out once it was rolled back, until its arm or its options are others', async () => {
    const { mesh, config, apply } = setUp();
    const users = mesh.service('users');
    await apply({ split: split(10), canary });
    config.canary('users')!.rollBack();
    await apply({ split: split(10), canary, lanes: true }, { defaults: { waitForReadyMs: 1 } });
    await apply({ split: split(30), canary });
    expect(config.canary('users')!.status).toMatchObject({ state: 'rolled_back', share: 0 });
    expect(drive(users, 200)).not.toContain('2');
    const next = { ...split(0), arms: { v2: { share: 0, version: '3' } } };
    await apply({ split: next, canary });
    expect(config.canary('users')!.status).toMatchObject({ state: 'running', share: 10 });
    await apply({ split: next });
    expect(config.canary('users')).toBeUndefined();
    expect(config.routing('users')!.status.arms.v2!.share).toBe(0);
  });

  it('outlives its store, and ends with its mesh', async () => {
    const { mesh, clock, config, apply } = setUp();
    mesh.service('users');
    await apply({ split: split(0), canary });
    const kept = config.canary('users')!;
    await config.close();
    const second = createConfigStore(mesh, { compare: false });
    await second.apply({ routing: { users: { split: split(0), canary } } });
    expect(second.canary('users')).toBe(kept);
    await mesh.close();
    expect(kept.status.state).toBe('stopped');
    expect(clock.pending).toBe(0);
  });
});
