import { Outcome } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { JudgedResult, judgeResult } from '../../src/call/judged-result.js';
import { completed } from '../../src/resilience/verdict.js';
import { endpoints, testMesh } from '../support/mesh.js';

describe('a verdict', () => {
  it('is completed by its outcome where it says nothing, or nothing that we know', () => {
    expect(completed({ outcome: Outcome.ConnectFailure })).toEqual({
      ...{ outcome: Outcome.ConnectFailure, repeat: 'always', retryAfterMs: undefined },
    });
    expect(completed({ outcome: Outcome.Failure, repeat: 'never', retryAfterMs: 0 })).toEqual({
      ...{ outcome: Outcome.Failure, repeat: 'never', retryAfterMs: 0 },
    });
    for (const repeat of ['no', '', 7, null]) {
      expect(completed({ outcome: Outcome.Failure, repeat: repeat as never }).repeat).toBe('idempotent');
      expect(completed({ outcome: Outcome.ApplicationError, repeat: repeat as never }).repeat).toBe('never');
    }
    for (const retryAfterMs of [-5, Number.NaN, 'soon']) {
      expect(completed({ outcome: Outcome.Failure, retryAfterMs: retryAfterMs as never }).retryAfterMs).toBeUndefined();
    }
  });

  it.each(['classify', 'classifyResult'] as const)(
    'of %s with a word that we do not know does not repeat what may have taken effect',
    async (by) => {
      const { mesh, clock } = testMesh({ users: endpoints(3) });
      let attempts = 0;
      const run = (): unknown => {
        attempts++;
        if (by === 'classify') throw new Error('it failed');
        return 'it failed';
      };
      const verdict = () => ({ outcome: Outcome.Failure, repeat: 'no' as never });
      const call = mesh.service('users').call(run, { [by]: verdict });
      const ended = call.then(
        () => 'returned',
        () => 'threw',
      );
      await clock.advanceAsync(10_000);
      expect([await ended, attempts]).toEqual([by === 'classify' ? 'threw' : 'returned', 1]);
    },
  );
});

describe('a result that is judged', () => {
  const judged = (said: unknown) => judgeResult({ classifyResult: () => said } as never, 'it');

  it.each([
    undefined,
    null,
    Outcome.Success,
    { outcome: Outcome.Success },
    {},
    99,
    -1,
    1.5,
    Number.NaN,
    'failure',
    { outcome: 'failure' },
    { outcome: -1 },
    { outcome: Outcome.Overloaded + 1 },
  ])('is a success where that says %o', (said) => {
    expect(judged(said)).toBeUndefined();
  });

  it('is a success where nothing judges it, or what judges it fails', () => {
    expect(judgeResult({ classifyResult: undefined } as never, 'it')).toBeUndefined();
    const trap = () => {
      throw new Error('mine');
    };
    expect(judgeResult({ classifyResult: trap } as never, 'it')).toBeUndefined();
  });

  it.each([Outcome.Failure, Outcome.Overloaded, Outcome.ConnectFailure, Outcome.ApplicationError, Outcome.Cancelled])(
    'is what it says: outcome %i, by number or in a verdict',
    (outcome) => {
      for (const said of [outcome, { outcome }]) {
        const result = judged(said)!;
        expect([result.value, result.verdict.outcome]).toEqual(['it', outcome]);
        expect(JudgedResult.is(result)).toBe(true);
      }
    },
  );

  it('is told from anything that is thrown', () => {
    for (const thrown of [undefined, null, 'it', new Error('it'), { value: 1, verdict: {} }]) {
      expect(JudgedResult.is(thrown)).toBe(false);
    }
  });
});
