import { type CallOptions, Outcome, type ServiceOptions } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { readCallOptions } from '../../src/call/options.js';
import { ServicePlan } from '../../src/call/plan.js';
import { readResilience } from '../../src/resilience/options.js';
import { endpoints, testMesh } from '../support/mesh.js';

const planOf = (resilience: ServiceOptions['resilience'] = {}): ServicePlan =>
  new ServicePlan(readResilience(resilience, 'resilience'));
const read = (options: CallOptions, resilience: ServiceOptions['resilience'] = {}) =>
  readCallOptions(options, planOf(resilience).defaults);

describe('the options of a call', () => {
  it('are those of its service where it says nothing', () => {
    const service = { deadlineMs: 70, idempotent: true, retry: { maxAttempts: 5 }, hedge: { afterMs: 9 } };
    expect(read({}, service)).toMatchObject({
      ...{ key: undefined, prefer: undefined, labels: undefined, clientKey: undefined, signal: undefined },
      ...{ shadow: true, deadlineMs: 70, idempotent: true, classify: undefined, fallback: undefined },
      ...{ retry: { maxAttempts: 5 }, hedge: { afterMs: 9 } },
    });
    expect(read({ deadlineMs: 0, idempotent: false, shadow: false }, service)).toMatchObject({
      ...{ deadlineMs: 0, idempotent: false, shadow: false },
    });
  });

  it('count for whom they name, else by a key that is a text', () => {
    expect(read({ key: 'k' }).clientKey).toBe('k');
    expect(read({ key: 'k', clientKey: 'c' })).toMatchObject({ key: 'k', clientKey: 'c' });
    const bytes = new Uint8Array([1]);
    expect(read({ key: bytes })).toMatchObject({ key: bytes, clientKey: undefined });
  });

  it('repeat as the service does, as they say, or not at all', () => {
    const off = { retry: false } as const;
    expect(read({ retry: true }, off).retry).toMatchObject({ maxAttempts: 3 });
    expect(read({ retry: { maxAttempts: 2 } }, off).retry).toMatchObject({ maxAttempts: 2 });
    expect(read({ retry: { maxAttempts: 2 } }, { retry: { maxRetryAfterMs: 7 } }).retry).toMatchObject({
      ...{ maxAttempts: 2, maxRetryAfterMs: 7 },
    });
    expect(read({ retry: true }, { retry: { maxAttempts: 5 } }).retry).toMatchObject({ maxAttempts: 5 });
    expect(read({ retry: false }).retry).toBeUndefined();
    expect(read({}, off).retry).toBeUndefined();
  });

  it('hedge as the service does, as they say, or not at all', () => {
    const hedge = { afterMs: 50 };
    expect(read({ hedge: true }, { hedge }).hedge).toMatchObject({ afterMs: 50, maxAttempts: 2 });
    expect(read({ hedge: { maxAttempts: 4 } }, { hedge }).hedge).toMatchObject({ afterMs: 50, maxAttempts: 4 });
    expect(read({ hedge: false }, { hedge }).hedge).toBeUndefined();
    expect(read({ hedge: { maxAttempts: 4 } }).hedge).toEqual({ afterMs: 500, maxAttempts: 4, percentile: undefined });
    expect(read({ hedge: true }, { hedge: false }).hedge).toBeUndefined();
    expect(() => read({ hedge: { afterMs: -1 } }, { hedge: false })).toThrow(/call\.hedge\.afterMs is -1/);
  });

  it('take labels as an object, of its own properties alone, or as a function', () => {
    const labels = read({ labels: { tier: 'gold', none: undefined } }).labels!;
    expect([labels('tier'), labels('none'), labels('toString')]).toEqual(['gold', undefined, undefined]);
    const own = (name: string): string => name;
    expect(read({ labels: own }).labels).toBe(own);
  });

  it('have a fallback where one is given, be it undefined', () => {
    expect(readCallOptions({ fallback: undefined }, planOf().defaults).fallback).toEqual({ value: undefined });
    expect(readCallOptions({ fallback: 0 }, planOf().defaults).fallback).toEqual({ value: 0 });
  });

  it.each<[object, RegExp]>([
    [{ key: 7 }, /^call\.key is 7: allowed is a string or a Uint8Array/],
    [{ key: null }, /^call\.key is null/],
    [{ prefer: 7 }, /^call\.prefer is 7/],
    [{ labels: 'gold' }, /^call\.labels is "gold": allowed is a function or an object of texts/],
    [{ labels: null }, /^call\.labels is null/],
    [{ shadow: 1 }, /^call\.shadow is 1/],
    [{ clientKey: 7 }, /^call\.clientKey is 7: allowed is a string/],
    [{ signal: {} }, /^call\.signal is an object: allowed is an AbortSignal/],
    [{ signal: { aborted: false } }, /^call\.signal is an object/],
    [{ signal: { addEventListener: () => {} } }, /^call\.signal is an object/],
    [{ signal: null }, /^call\.signal is null/],
    [{ deadlineMs: -1 }, /^call\.deadlineMs is -1/],
    [{ idempotent: 'yes' }, /^call\.idempotent is "yes"/],
    [{ retry: 3 }, /^call\.retry is 3: allowed is true, false or an object of options/],
    [{ retry: null }, /^call\.retry is null/],
    [{ retry: { maxAttempts: 0 } }, /^call\.retry\.maxAttempts is 0/],
    [{ hedge: 'no' }, /^call\.hedge is "no": allowed is true, false or an object of options/],
    [{ classify: true }, /^call\.classify is true/],
    [{ classifyResult: {} }, /^call\.classifyResult is an object/],
    [{ deadline: 5 }, /call\.deadline is not an option/],
  ])('are refused where they are %o', (options, message) => {
    expect(() => read(options)).toThrow(message);
  });
});

describe('what the calls of a service share', () => {
  it('is hedged at the percentile that it has seen, where calls may be repeated', () => {
    const plan = planOf({ hedge: { percentile: 90, afterMs: 40 } });
    const idempotent = read({ idempotent: true, hedge: true }, { hedge: { percentile: 90, afterMs: 40 } });
    expect(plan.hedgeAfterMs(idempotent, 0)).toBe(40);
    for (let i = 0; i < 200; i++) plan.percentile!.record(200, 0);
    expect(plan.hedgeAfterMs(idempotent, 1_000)).toBeCloseTo(200, -1);
    expect(plan.hedgeAfterMs({ ...idempotent, idempotent: false }, 1_000)).toBeUndefined();
    expect(plan.hedgeAfterMs({ ...idempotent, hedge: undefined }, 1_000)).toBeUndefined();
  });

  it('keeps what it counted over other options, unless they look at another percentile', () => {
    const plan = planOf({ hedge: { percentile: 90 } });
    const { percentile } = plan;
    plan.reconfigure(readResilience({ hedge: { percentile: 90, maxAttempts: 4 } }, 'resilience'));
    expect(plan.percentile).toBe(percentile);
    plan.reconfigure(readResilience({ hedge: { percentile: 99 } }, 'resilience'));
    expect(plan.percentile).not.toBe(percentile);
    plan.reconfigure(readResilience({ hedge: { afterMs: 5 } }, 'resilience'));
    expect([plan.percentile, plan.hedgeBudget !== undefined]).toEqual([undefined, true]);
    plan.reconfigure(readResilience({ hedge: false }, 'resilience'));
    expect(plan.hedgeBudget).toBeUndefined();
  });
});

describe('a classifier', () => {
  const outcomeBy = async (classify: unknown, thrown: unknown): Promise<unknown> => {
    const { mesh } = testMesh({ users: endpoints(1) });
    const service = mesh.service('users', { health: [], resilience: { retry: false } });
    const seen: unknown[] = [];
    const outcomes = await service
      .call(() => Promise.reject(thrown), { classify: classify as never, fallback: (error) => seen.push(error) })
      .catch((error: unknown) => error);
    // What is the application's own is an answer: no fallback stands in for it.
    return seen.length === 1 ? 'failed' : outcomes;
  };
  const lost = Object.assign(new Error('lost'), { code: 'ECONNRESET' });

  it('decides, by an outcome or by a verdict', async () => {
    expect(await outcomeBy(() => Outcome.ApplicationError, lost)).toBe(lost);
    expect(await outcomeBy(() => ({ outcome: Outcome.Failure }), new Error('no such user'))).toBe('failed');
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('mine');
      },
    ],
    ['says nothing', () => undefined],
    ['says what is no outcome', () => 99],
    ['says less than one', () => -1],
    ['says a part of one', () => 1.5],
    ['says it in words', () => 'failure'],
    ['says a verdict of none', () => ({ outcome: 'failure' })],
  ])('that %s leaves the decision to the default', async (_what, classify) => {
    expect(await outcomeBy(classify, lost)).toBe('failed');
    const answer = new Error('no such user');
    expect(await outcomeBy(classify, answer)).toBe(answer);
  });
});
