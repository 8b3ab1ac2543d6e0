import type { Registration } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { bench } from '../../support/registrar-bench.js';
import { until } from '../../support/until.js';

const registering = ({ path }: { path: string }): boolean => path.endsWith('/service/register');
const deregistering = ({ path }: { path: string }): boolean => path.includes('/deregister/');
const beating = ({ path }: { path: string }): boolean => path.includes('/check/update/');

/** How it ended, without an unhandled rejection meanwhile. */
const ending = (promise: Promise<unknown>) => {
  const end: { value?: unknown; error?: Error & { code?: string } } = {};
  promise.then(
    (value) => (end.value = value ?? true),
    (error: Error) => (end.error = error),
  );
  return end;
};

describe('closing the registrar', () => {
  it('during register() leaves nothing listed, whichever the agent does first', async () => {
    const { hold, holdNothing, register, registrar, known, consul } = await bench();
    const held = hold(registering);
    const first = ending(register());
    await until(() => held.length === 1);
    const closing = ending(registrar.close());
    await consul.quiet();
    holdNothing();
    held[0]!.land();
    await until(() => closing.value !== undefined);
    expect(first.error).toMatchObject({ code: 'FAIRLEAD_CLOSED' });
    expect(known.size).toBe(0);
    expect(consul.requests.filter(deregistering)).toHaveLength(1);
  });

  it('before anything was sent sends nothing', async () => {
    const { register, registrar, consul } = await bench();
    const first = ending(register());
    await registrar.close();
    expect(first.error ?? first.value).toBeDefined();
    expect(consul.requests.filter(registering).length).toBe(consul.requests.filter(deregistering).length);
  });

  it('gives up when its time is over, says why, and leaves nothing running', async () => {
    const { register, registrar, consul, pass, clock } = await bench();
    await register();
    await consul.down();
    const closing = ending(registrar.close({ deadlineMs: 3_000 }));
    await pass(2_900);
    expect(closing.error).toBeUndefined();
    await pass(200);
    expect(closing.error).toMatchObject({ code: 'FAIRLEAD_REGISTRATION', service: 'users', endpoint: 'u1' });
    expect(closing.error?.message).toMatch(/has not taken 'u1' out within 3000 ms: .*ECONNREFUSED/);
    expect(clock.pending).toBe(0);
  });
});

describe('a registration that timed out', () => {
  it('and lands later is taken out again', async () => {
    const { hold, holdNothing, register, known, pass, registrar } = await bench({ requestTimeoutMs: 1_000 });
    const held = hold(registering);
    const first = ending(register());
    await until(() => held.length === 1);
    await pass(1_100);
    expect(first.error).toMatchObject({ code: 'FAIRLEAD_REGISTRATION' });
    expect(first.error?.message).toMatch(/no answer within 1000 ms/);
    holdNothing();
    // The agent says that it knows no such instance: that is no end of it yet.
    await pass(3_000);
    held[0]!.land();
    expect(known.has('u1')).toBe(true);
    await until(() => !known.has('u1'));
    // And a later one of the same id is not disturbed by what is left of it.
    await register();
    await pass(20_000, 500);
    expect(known.has('u1')).toBe(true);
    await registrar.close();
    expect(known.size).toBe(0);
  });

  it('is waited for by close(), for as long as that may wait', async () => {
    const { hold, holdNothing, register, registrar, known, pass } = await bench({ requestTimeoutMs: 1_000 });
    const held = hold(registering);
    const first = ending(register());
    await until(() => held.length === 1);
    await pass(1_100);
    expect(first.error).toBeDefined();
    holdNothing();
    const closing = ending(registrar.close());
    await pass(2_000);
    expect(closing.value).toBeUndefined();
    held[0]!.land();
    await until(() => closing.value !== undefined);
    expect(known.size).toBe(0);
  });
});

describe('deregistering', () => {
  it('goes on while the agent restarts, until it agrees', async () => {
    const { register, consul, known, pass } = await bench();
    const registration = await register();
    await consul.down();
    const end = ending(registration.deregister());
    await pass(5_000);
    expect(end).toEqual({});
    expect(registration.status).toBe('deregistered');
    await consul.up();
    await pass(1_100);
    await until(() => end.value !== undefined);
    expect(known.size).toBe(0);
  });

  it('goes on after its deadline', async () => {
    const { register, consul, known, pass } = await bench();
    const registration = await register();
    await consul.down();
    const end = ending(registration.deregister({ deadlineMs: 1_000 }));
    await pass(1_100);
    expect(end.error).toMatchObject({ code: 'FAIRLEAD_REGISTRATION' });
    await pass(20_000, 500);
    await consul.up();
    await pass(5_100);
    await until(() => known.size === 0);
  });

  it('does not remove what was registered under its id afterwards, however late it lands', async () => {
    const { register, hold, holdNothing, known, pass } = await bench({ requestTimeoutMs: 1_000 });
    const old = await register();
    const held = hold(deregistering);
    const end = ending(old.deregister());
    await until(() => held.length === 1);
    const next = ending(register({ port: 6_001 }));
    await pass(1_100);
    await until(() => next.value !== undefined);
    expect(known.get('u1')).toMatchObject({ Port: 6_001 });
    holdNothing();
    held[0]!.land();
    expect(known.has('u1')).toBe(false);
    await until(() => known.get('u1')?.Port === 6_001);
    expect((next.value as Registration).status).toBe('registered');
    await until(() => end.value !== undefined);
    expect(old.status).toBe('deregistered');
  });

  it('and registering again go one after the other', async () => {
    const { register, consul, known } = await bench();
    const old = await register();
    const ends = [old.deregister(), register({ port: 6_001 })];
    await Promise.all(ends);
    expect(known.get('u1')).toMatchObject({ Port: 6_001 });
    const order = consul.requests.filter((each) => registering(each) || deregistering(each)).map(({ path }) => path);
    expect(order.at(-1)).toMatch(/register$/);
  });
});

describe('the health that the application reports', () => {
  it('is what a new registration begins with, when the agent had forgotten it', async () => {
    const { register, known, health, clock, consul } = await bench();
    const registration = await register();
    await registration.report('critical', 'the disk is full');
    known.clear();
    health.clear();
    await clock.advanceAsync(5_000);
    await until(() => known.has('u1') && registration.status === 'registered');
    const again = consul.requests.filter(registering).at(-1)!;
    expect(JSON.parse(again.body).Checks[0].Status).toBe('critical');
    // The note goes with the heartbeat that follows at once.
    const beat = consul.requests.filter(beating).at(-1)!;
    expect(consul.requests.indexOf(beat)).toBeGreaterThan(consul.requests.indexOf(again));
    expect(JSON.parse(beat.body)).toEqual({ Status: 'critical', Output: 'the disk is full' });
    expect([...health.values()]).toEqual(['critical']);
  });
});

describe('a heartbeat that hangs', () => {
  it.each([1_000, 3_000, 15_000])('is given up in time for another within a TTL of %i ms', async (ttlMs) => {
    const { register, hold, pass, clock } = await bench();
    await register({ checks: [{ type: 'ttl', ttlMs }] });
    let beatAtMs = clock.now();
    let worstMs = 0;
    let hung = 0;
    // Every second one hangs for good, the others are answered.
    hold((request) => {
      if (!beating(request)) return false;
      if (++hung % 2 === 1) return true;
      worstMs = Math.max(worstMs, clock.now() - beatAtMs);
      beatAtMs = clock.now();
      return false;
    });
    await pass(ttlMs * 6, ttlMs / 60);
    expect(hung).toBeGreaterThan(8);
    expect(worstMs).toBeLessThan(ttlMs);
  });
});

describe('update()', () => {
  it('changes weight, tags, metadata and zone, and keeps the rest', async () => {
    const { register, known } = await bench();
    const registration = await register({ host: '10.0.0.1', weight: 2, tags: ['v1'], meta: { a: 'b' }, zone: 'z1' });
    await registration.update({ weight: 7, tags: ['v2'] });
    expect(known.get('u1')).toMatchObject({
      ...{ Address: '10.0.0.1', Port: 5_001, Tags: ['v2'], Weights: { Passing: 7, Warning: 1 } },
      Meta: { zone: 'z1', a: 'b' },
    });
    await registration.update({ meta: { c: 'd' }, warningWeight: 3, zone: 'z2' });
    expect(known.get('u1')).toMatchObject({
      ...{ Tags: ['v2'], Weights: { Passing: 7, Warning: 3 } },
      Meta: { zone: 'z2', c: 'd' },
    });
    expect(registration.status).toBe('registered');
  });

  it('outlives an agent that forgets, and reaches one that was away', async () => {
    const { register, known, health, consul, pass } = await bench();
    const registration = await register();
    await consul.down();
    const update = ending(registration.update({ weight: 9 }));
    await pass(3_000);
    expect(update).toEqual({});
    known.clear();
    health.clear();
    await consul.up();
    await pass(1_100);
    await until(() => update.value !== undefined);
    expect(known.get('u1')).toMatchObject({ Weights: { Passing: 9, Warning: 1 } });
  });

  it('changes nothing where it is refused', async () => {
    const { register, known, health, consul, clock } = await bench();
    const registration = await register({ weight: 2 });
    await expect(registration.update({ weight: 0 })).rejects.toThrow(/weight is 0: allowed/);
    await expect(registration.update({ port: 7 } as never)).rejects.toThrow(/update\.port is not an option/);
    const answer = consul.script!;
    consul.script = (request, response) => {
      if (!registering(request)) return answer(request, response);
      response.writeHead(400).end('Invalid weight');
      return true;
    };
    await expect(registration.update({ weight: 3 })).rejects.toThrow(/did not register 'u1' \(400: Invalid weight\)/);
    consul.script = answer;
    await consul.quiet();
    known.clear();
    health.clear();
    await clock.advanceAsync(5_000);
    await until(() => known.has('u1'));
    expect(known.get('u1')).toMatchObject({ Weights: { Passing: 2, Warning: 1 } });
    await registration.deregister();
    await expect(registration.update({ weight: 4 })).rejects.toMatchObject({ code: 'FAIRLEAD_CLOSED' });
  });
});

describe('register() while the agent is down', () => {
  it('fails by default, and leaves nothing behind when the agent comes', async () => {
    const { register, consul, known, pass } = await bench();
    await consul.down();
    await expect(register()).rejects.toMatchObject({ code: 'FAIRLEAD_REGISTRATION' });
    await consul.up();
    await pass(10_000, 500);
    expect(known.size).toBe(0);
  });

  it('waits where it is told to, and says what is wrong meanwhile', async () => {
    const errors: string[] = [];
    const { register, consul, known, pass } = await bench({
      onUnreachable: 'wait',
      onError: (error, id) => errors.push(`${id}: ${error.message}`),
    });
    await consul.down();
    const first = ending(register());
    await pass(5_000);
    expect(first).toEqual({});
    expect(errors.length).toBeGreaterThan(2);
    expect(errors[0]).toMatch(/^u1: Consul at .*ECONNREFUSED/);
    await consul.up();
    await pass(1_100);
    await until(() => first.value !== undefined);
    expect((first.value as Registration).status).toBe('registered');
    expect(known.has('u1')).toBe(true);
  });

  it('does not wait for what would be refused again', async () => {
    const { register, consul } = await bench({ onUnreachable: 'wait' });
    consul.script = (_request, response) => {
      response.writeHead(403).end('Permission denied');
      return true;
    };
    await expect(register()).rejects.toThrow(/403: Permission denied/);
  });

  it('ends when the registrar is closed', async () => {
    const { register, registrar, consul, pass } = await bench({ onUnreachable: 'wait' });
    await consul.down();
    const first = ending(register());
    await pass(500);
    await registrar.close();
    expect(first.error).toMatchObject({ code: 'FAIRLEAD_CLOSED' });
  });
});

describe('one id in two processes', () => {
  it('is noticed by the one that lost it, which says so and leaves the other alone', async () => {
    const { register, known, consul, pass } = await bench();
    const registration = await register({ host: '10.0.0.1' });
    const errors: Error[] = [];
    const statuses: string[] = [];
    registration.on('error', (error) => errors.push(error));
    registration.on('status', (status) => statuses.push(status));
    const other = { ...known.get('u1'), Address: '10.0.0.2', Port: 7_000 };
    known.set('u1', other);
    await pass(6_000, 500);
    expect(statuses).toEqual(['replaced']);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ code: 'FAIRLEAD_CONFLICT', service: 'users', endpoint: 'u1' });
    expect(errors[0]!.message).toMatch(/has 'u1' at 10\.0\.0\.2:7000: another process registered it/);
    const before = consul.requests.filter((each) => registering(each) || beating(each)).length;
    await pass(30_000, 500);
    // Neither taken back nor kept alive: it is the other's.
    expect(consul.requests.filter((each) => registering(each) || beating(each)).length).toBe(before);
    expect(errors).toHaveLength(1);
    await registration.deregister();
    expect(known.get('u1')).toBe(other);
  });

  it('is listed again once the other is gone', async () => {
    const { register, known, health, pass } = await bench();
    const registration = await register({ host: '10.0.0.1' });
    known.set('u1', { ...known.get('u1'), Address: '10.0.0.2' });
    await pass(6_000, 500);
    expect(registration.status).toBe('replaced');
    known.clear();
    health.clear();
    await pass(6_000, 500);
    await until(() => registration.status === 'registered');
    expect(known.get('u1')).toMatchObject({ Address: '10.0.0.1' });
  });
});
