import { Outcome } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { isIdempotent, outcomeOfStatus, verdictOfError } from '../../../adapters/http/verdict.js';

const error = (code: string): Error => Object.assign(new Error(code), { code });

describe('the outcome of a status', () => {
  it.each([
    [200, Outcome.Success],
    [304, Outcome.Success],
    [400, Outcome.ApplicationError],
    [404, Outcome.ApplicationError],
    [429, Outcome.Overloaded],
    [500, Outcome.Failure],
    [501, Outcome.ApplicationError],
    [503, Outcome.Failure],
    [505, Outcome.ApplicationError],
  ])('%s is %s', (status, outcome) => {
    expect(outcomeOfStatus(status)).toBe(outcome);
  });
});

describe('the verdict on an error', () => {
  it.each(['ECONNREFUSED', 'UND_ERR_CONNECT_TIMEOUT', 'ENOTFOUND', 'ERR_TLS_CERT_ALTNAME_INVALID', 'ECONNRESET'])(
    'before anything was sent is a connect failure, and repeats whatever the method: %s',
    (code) => {
      expect(verdictOfError(error(code), false)).toEqual({ outcome: Outcome.ConnectFailure, repeat: 'always' });
    },
  );

  it.each([
    'UND_ERR_SOCKET',
    'ECONNRESET',
    'EPIPE',
    'HPE_INVALID_CONSTANT',
    'UND_ERR_HEADERS_OVERFLOW',
    'ECONNREFUSED',
  ])('after something was sent is a failure, and repeats what is idempotent: %s', (code) => {
    expect(verdictOfError(error(code), true)).toEqual({ outcome: Outcome.Failure, repeat: 'idempotent' });
  });

  it('is a failure where the answer is no HTTP, which undici says by a name and without a code', () => {
    const thrown = Object.assign(new Error('x'), { name: 'HTTPParserError', code: undefined });
    expect(verdictOfError(thrown, true)).toEqual({ outcome: Outcome.Failure, repeat: 'idempotent' });
  });

  it('is a timeout where the server did not answer in time', () => {
    const verdict = { outcome: Outcome.Timeout, repeat: 'idempotent' };
    expect(verdictOfError(error('UND_ERR_HEADERS_TIMEOUT'), true)).toEqual(verdict);
    expect(verdictOfError(error('UND_ERR_BODY_TIMEOUT'), true)).toEqual(verdict);
  });

  it('blames nothing where the caller gave up or gave something that cannot be sent', () => {
    const verdict = { outcome: Outcome.Cancelled, repeat: 'never' };
    for (const code of ['UND_ERR_ABORTED', 'UND_ERR_INVALID_ARG', 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH'])
      for (const sent of [false, true]) expect(verdictOfError(error(code), sent)).toEqual(verdict);
    expect(verdictOfError(new DOMException('x', 'AbortError'), true)).toEqual(verdict);
    expect(verdictOfError(new Error('a bug in a handler'), true)).toEqual(verdict);
    expect(verdictOfError(undefined, true)).toEqual(verdict);
  });

  it('sends what waited in the pool of an endpoint that left to another one', () => {
    expect(verdictOfError(error('UND_ERR_CLOSED'), false)).toEqual({ outcome: Outcome.Cancelled, repeat: 'always' });
  });

  it('knows the idempotent methods of RFC 9110, 9.2.2', () => {
    expect(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'].every(isIdempotent)).toBe(true);
    expect(['POST', 'PATCH', 'CONNECT', 'get'].some(isIdempotent)).toBe(false);
  });
});
