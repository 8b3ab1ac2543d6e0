import { attemptsOf, Outcome } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { AttemptLog, rememberAttempts } from '../../src/resilience/attempts.js';

const at = (id: string): never => ({ spec: { id } }) as never;
const codeOf = (thrown: unknown): unknown => {
  const log = new AttemptLog();
  log.add(at('a'), Outcome.Failure, 'never', thrown, false);
  return log.attempts[0]!.code;
};

describe('the attempts of an error', () => {
  it('are those that were remembered, and none for anything else', () => {
    const error = new Error('it');
    const log = new AttemptLog();
    log.add(at('a'), Outcome.Timeout, 'idempotent', error, true);
    rememberAttempts(error, log.attempts);
    expect(attemptsOf(error)).toEqual([
      { endpoint: 'a', outcome: 'timeout', code: undefined, mayHaveTakenEffect: true, hedge: true },
    ]);
    for (const other of [new Error('it'), 'text', 7, null, undefined, Symbol('s')]) {
      rememberAttempts(typeof other === 'object' && other !== null ? undefined : other, log.attempts);
      expect(attemptsOf(other)).toEqual([]);
    }
  });
});

describe('the log of a call', () => {
  it('avoids each endpoint that was tried, once', () => {
    const log = new AttemptLog();
    const [a, b] = [at('a'), at('b')];
    expect(log.tried).toEqual([]);
    log.add(a, Outcome.Failure, 'always', undefined, false);
    log.avoid(b);
    log.avoid(a);
    log.add(b, Outcome.Failure, 'always', undefined, false);
    expect(log.tried).toEqual([a, b]);
    expect(log.attempts).toHaveLength(2);
  });

  it('is uncertain of what came before the latest, not of the latest', () => {
    const log = new AttemptLog();
    log.add(at('a'), Outcome.Failure, 'idempotent', undefined, false);
    expect(log.attempts[0]!.mayHaveTakenEffect).toBe(true);
    expect(log.earlierIsUncertain).toBe(false);
    log.add(at('b'), Outcome.ConnectFailure, 'always', undefined, false);
    expect(log.earlierIsUncertain).toBe(true);
    const sure = new AttemptLog();
    for (const id of ['a', 'b']) sure.add(at(id), Outcome.ConnectFailure, 'always', undefined, false);
    expect(sure.earlierIsUncertain).toBe(false);
  });

  it.each<[unknown, unknown]>([
    [Object.assign(new Error('x'), { code: 'ECONNRESET' }), 'ECONNRESET'],
    [{ code: 14 }, 14],
    [{ code: { not: 'one' } }, undefined],
    [new Error('x', { cause: { code: 'ENOTFOUND' } }), undefined],
    [new TypeError('fetch failed', { cause: { code: 'ENOTFOUND' } }), 'ENOTFOUND'],
    [new TypeError('not a network error'), undefined],
    ['text', undefined],
    [undefined, undefined],
    [null, undefined],
  ])('notes the code of what was thrown: %o', (thrown, code) => {
    expect(codeOf(thrown)).toBe(code);
  });

  it('survives what throws at a look, and a cause that is itself', () => {
    const trap = {
      get code() {
        throw new Error('a trap');
      },
    };
    const circular: TypeError & { cause?: unknown } = new TypeError('round');
    circular.cause = circular;
    expect([codeOf(trap), codeOf(circular)]).toEqual([undefined, undefined]);
  });
});
