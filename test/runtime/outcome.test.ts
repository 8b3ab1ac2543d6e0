import { classifyError, FairleadError, Outcome } from 'fairlead';
import { isAnswer, isFailure, outcomeName } from 'fairlead/adapter';
import { describe, expect, it } from 'vitest';

const coded = (code: string): Error => Object.assign(new Error(code), { code });

describe('classifyError', () => {
  it.each([
    ['a refused connection', coded('ECONNREFUSED'), 'connect_failure'],
    ['a host that cannot be resolved', coded('ENOTFOUND'), 'connect_failure'],
    ['a reset connection', coded('ECONNRESET'), 'failure'],
    ['a response that breaks off', coded('ERR_STREAM_PREMATURE_CLOSE'), 'failure'],
    ['undici waiting for headers', coded('UND_ERR_HEADERS_TIMEOUT'), 'timeout'],
    ['AbortSignal.timeout', new DOMException('late', 'TimeoutError'), 'timeout'],
    ['an abort', new DOMException('stop', 'AbortError'), 'cancelled'],
    ['our own deadline', new FairleadError('FAIRLEAD_DEADLINE_EXCEEDED', 'late'), 'timeout'],
    ['HTTP 503', Object.assign(new Error('x'), { status: 503 }), 'failure'],
    ['HTTP 429', Object.assign(new Error('x'), { statusCode: 429 }), 'overloaded'],
    ['HTTP 404', Object.assign(new Error('x'), { status: 404 }), 'application_error'],
    ['fetch failed', Object.assign(new TypeError('fetch failed'), { cause: coded('ECONNREFUSED') }), 'connect_failure'],
    ['a bug in the program', new TypeError('x is not a function'), 'application_error'],
    ['a thrown string', 'oops', 'application_error'],
    ['undefined', undefined, 'application_error'],
  ])('takes %s for %3$s', (_, thrown, expected) => {
    expect(outcomeName(classifyError(thrown))).toBe(expected);
  });
});

describe('outcomes', () => {
  it('are each an answer, a failure, or say nothing', () => {
    const said = Object.values(Outcome).map((outcome) => [outcomeName(outcome), isAnswer(outcome), isFailure(outcome)]);
    expect(said).toEqual([
      ['success', true, false],
      ['application_error', true, false],
      ['cancelled', false, false],
      ['failure', false, true],
      ['connect_failure', false, true],
      ['timeout', false, true],
      ['overloaded', true, false],
    ]);
  });
});
