import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { NodeLookups, type NodeResolver } from '../../../src/discovery/dns/node-lookups.js';

type Answer = (name: string) => Promise<never>;

const never: Answer = () => new Promise(() => {});
const refused: Answer = () => Promise.reject(Object.assign(new Error('no'), { code: 'ECONNREFUSED' }));

function resolver(servers: readonly string[], answer: Answer) {
  const asked: string[] = [];
  const ask = (name: string) => {
    asked.push(name);
    return answer(name);
  };
  const made = { asked, cancelled: 0, getServers: () => [...servers], cancel: () => void made.cancelled++ };
  return Object.assign(made, { resolve4: ask, resolve6: ask, resolveSrv: ask });
}

const settings = { servers: undefined, timeoutMs: 1_000, tries: 2, reuseMs: 0 };

function lookupsOf(made: readonly object[], more: object = {}) {
  const clock = new ManualClock(1_000);
  const left = [...made];
  const make = (): NodeResolver => (left.length > 1 ? left.shift()! : left[0]!) as NodeResolver;
  return { clock, lookups: new NodeLookups({ ...settings, ...more }, clock, make) };
}

describe('questions by node:dns', () => {
  it('wait for the last of several servers, each with all its tries', async () => {
    for (const [servers, tries, longestMs] of [
      [1, 1, 1_000],
      [3, 1, 3_000],
      [3, 2, 9_000],
    ] as const) {
      const addresses = Array.from({ length: servers }, (_, at) => `10.0.0.${at + 1}`);
      const { clock, lookups } = lookupsOf([resolver(addresses, never)], { tries });
      let error: Error | undefined;
      lookups.a('users.test').catch((thrown) => {
        error = thrown;
      });
      await clock.advanceAsync(longestMs);
      expect(error).toBeUndefined();
      await clock.advanceAsync(longestMs);
      expect(error?.message).toContain(`(asked ${addresses.join(', ')})`);
    }
  });

  it('go to the servers that the system has by now, once those it had give no answer', async () => {
    const before = resolver(['10.0.0.1'], refused);
    const after = resolver(['10.1.0.1'], refused);
    const { lookups } = lookupsOf([before, after]);
    await expect(lookups.a('users.test')).rejects.toThrow(/ECONNREFUSED \(asked 10\.0\.0\.1\)/);
    await expect(lookups.a('users.test')).rejects.toThrow(/\(asked 10\.1\.0\.1\)/);
    expect([before.asked.length, after.asked.length]).toEqual([1, 1]);
    lookups.close();
    expect(after.cancelled).toBe(1);
  });

  it('stay with servers that are given', async () => {
    const before = resolver(['10.0.0.1'], refused);
    const { lookups } = lookupsOf([before, resolver(['10.1.0.1'], refused)], { servers: ['10.0.0.1'] });
    for (let at = 0; at < 3; at++) await expect(lookups.a('users.test')).rejects.toThrow('10.0.0.1');
    expect(before.asked).toHaveLength(3);
  });

  it('that still wait for their turn when it is closed are not asked', async () => {
    const ends: (() => void)[] = [];
    const made = resolver(
      ['10.0.0.1'],
      () => new Promise((_, reject) => ends.push(() => reject(Object.assign(new Error('no'), { code: 'ECANCELLED' })))),
    );
    const { lookups } = lookupsOf([made]);
    const answers = Array.from({ length: 100 }, (_, at) => lookups.a(`${at}.test`).catch(() => 'over'));
    await Promise.resolve();
    lookups.close();
    const asked = made.asked.length;
    for (const end of ends) end();
    expect(await Promise.all(answers)).toEqual(answers.map(() => 'over'));
    expect([asked, made.asked.length]).toEqual([32, 32]);
  });
});
