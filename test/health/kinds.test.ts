import { consecutiveFailures, type HealthSignal, successRate } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { checkKinds, signalKinds } from '../../src/health/by-name.js';
import { connectOptions } from '../../src/health/check-tls.js';
import { isSameSignal } from '../../src/health/health.js';

describe('signals and checks by name', () => {
  it('are those that carry the name, or that it stands for', () => {
    const names = Object.entries(signalKinds).map(([kind, { options, make }]) => [
      kind,
      make(options({}, kind) as never).map(({ name }) => name),
    ]);
    expect(names).toEqual([
      ['consecutive_failures', ['consecutive_failures']],
      ['connect_failures', ['connect_failures']],
      ['success_rate', ['success_rate']],
      ['failure_percentage', ['failure_percentage']],
      ['latency_outliers', ['latency_outliers']],
      ['outlier_detection', expect.arrayContaining(['consecutive_failures', 'success_rate'])],
    ]);
    for (const [kind, { options, make }] of Object.entries(checkKinds)) {
      expect(make(options({}, kind) as never).name).toBe(kind);
    }
  });
});

describe('a signal that takes the place of another', () => {
  const named = (name: string, madeWith?: object): HealthSignal => ({
    name,
    create: () => ({ record: () => 0, probed: () => 0, confirmed: () => {}, forget: () => {} }),
    ...(madeWith && { madeWith }),
  });
  const one = named('mine');

  it.each<[string, HealthSignal, HealthSignal, boolean]>([
    ['is the same object', one, one, true],
    ['has its name and what it was made with', named('a', { x: 1 }), named('a', { x: 1 }), true],
    ['was made with something else', named('a', { x: 1 }), named('a', { x: 2 }), false],
    ['has another name', named('a', { x: 1 }), named('b', { x: 1 }), false],
    ['does not say what it was made with', named('a'), named('a'), false],
    ['does not say it where the other does', named('a', { x: 1 }), named('a'), false],
    ['is one of ours with the same options', consecutiveFailures(), consecutiveFailures(), true],
    ['is one of ours with others', consecutiveFailures(), consecutiveFailures({ failures: 9 }), false],
    ['is another of ours', consecutiveFailures(), successRate(), false],
  ])('keeps its counts where it %s: %#', (_, a, b, same) => {
    expect(isSameSignal(a, b)).toBe(same);
    expect(isSameSignal(b, a)).toBe(same);
  });
});

describe('the TLS of a check', () => {
  it('is none, what it says, or refused where parts say nothing without another', () => {
    const of = (given: object): unknown => connectOptions('httpCheck', given as never);
    expect(of({})).toBeUndefined();
    expect(of({ tls: false })).toBeUndefined();
    expect(of({ tls: true })).toEqual({ rejectUnauthorized: true });
    expect(of({ tls: true, verify: false, serverName: 'a' })).toEqual({ rejectUnauthorized: false, servername: 'a' });
    for (const name of ['verify', 'serverName', 'ca', 'cert', 'key'])
      expect(() => of({ [name]: 'x' })).toThrow(`httpCheck.${name} means nothing without httpCheck.tls: true.`);
    expect(() => of({ tls: true, cert: 'x' })).toThrow('httpCheck.cert means nothing without httpCheck.key.');
    expect(() => of({ tls: true, key: 'x' })).toThrow('httpCheck.key means nothing without httpCheck.cert.');
    expect(() => of({ tls: true, ca: 'no certificate' })).toThrow(/httpCheck: ca, cert or key/);
  });
});
