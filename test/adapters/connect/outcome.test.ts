import { Code, ConnectError } from '@connectrpc/connect';
import { status } from '@grpc/grpc-js';
import { classifyError, FairleadError, Outcome } from 'fairlead';
import { isFailure } from 'fairlead/adapter';
import { outcomeOf } from 'fairlead/connect';
import { outcomeOf as grpcOutcomeOf } from 'fairlead/grpc';
import { describe, expect, it } from 'vitest';
import { toConnectError } from '../../../adapters/connect/errors.js';
import { verdictOf } from '../../../adapters/connect/outcome.js';

const codes = Object.values(Code).filter((code): code is Code => typeof code === 'number');

describe('the outcome of a Connect code', () => {
  it('is that of the gRPC status of the same number, for each of the sixteen', () => {
    expect(codes).toHaveLength(16);
    for (const code of codes) expect([code, outcomeOf(code)]).toEqual([code, grpcOutcomeOf(code as number as status)]);
    expect(status.UNAUTHENTICATED).toBe(Code.Unauthenticated as number);
  });
});

describe('the verdict on an error', () => {
  const fromNode = (code: string, as: Code): ConnectError =>
    new ConnectError('x', as, undefined, undefined, Object.assign(new Error(code), { code }));

  it('knows a refused connection, after which any call may be repeated', () => {
    const verdict = verdictOf(fromNode('ECONNREFUSED', Code.Unavailable), undefined);
    expect(verdict).toMatchObject({ outcome: Outcome.ConnectFailure, repeat: 'always' });
  });

  it('knows a lost connection, which connect-node calls ABORTED, from the ABORTED of an application', () => {
    for (const code of ['ECONNRESET', 'ERR_STREAM_DESTROYED', 'ERR_HTTP2_INVALID_STREAM']) {
      const verdict = verdictOf(fromNode(code, Code.Aborted), undefined);
      expect(verdict, code).toMatchObject({ outcome: Outcome.Failure, repeat: 'idempotent' });
      // To the caller it is what a lost connection is in every gRPC library.
      expect(toConnectError(fromNode(code, Code.Aborted))).toMatchObject({ code: Code.Unavailable });
    }
    const answered = verdictOf(new ConnectError('x', Code.Aborted), undefined);
    expect(answered).toMatchObject({ outcome: Outcome.ApplicationError, repeat: 'never' });
    expect(toConnectError(new ConnectError('x', Code.Aborted))).toMatchObject({ code: Code.Aborted });
  });

  it('knows a stream that was reset under it from a call that was cancelled', () => {
    const lost = new ConnectError('http/2 stream closed with error code CANCEL (0x8)', Code.Canceled);
    expect(verdictOf(lost, undefined)).toMatchObject({ outcome: Outcome.Failure, repeat: 'idempotent' });
    expect(toConnectError(lost)).toMatchObject({ code: Code.Unavailable, cause: lost });
    const cancelled = new ConnectError('This operation was aborted', Code.Canceled);
    expect(verdictOf(cancelled, undefined)).toMatchObject({ outcome: Outcome.Cancelled, repeat: 'never' });
  });

  it('lets NOT_FOUND and its like speak neither against the endpoint nor for a repeat', () => {
    const { outcome, repeat } = verdictOf(new ConnectError('x', Code.NotFound), undefined);
    expect([isFailure(outcome), repeat]).toEqual([false, 'never']);
  });

  it('heeds the pushback of the server', () => {
    const pushed = (value: string): number | undefined =>
      verdictOf(new ConnectError('x', Code.Unavailable, { 'grpc-retry-pushback-ms': value }), undefined).retryAfterMs;
    expect(pushed('250')).toBe(250);
    expect(pushed('-1')).toBe(Number.POSITIVE_INFINITY);
    expect(verdictOf(new ConnectError('x', Code.Unavailable), undefined).retryAfterMs).toBeUndefined();
  });

  it("is the user's first; a function that throws is passed over", () => {
    const error = new ConnectError('x', Code.NotFound);
    expect(verdictOf(error, () => Outcome.Failure).outcome).toBe(Outcome.Failure);
    const broken = (): Outcome => {
      throw new Error('oops');
    };
    expect(verdictOf(error, broken).outcome).toBe(Outcome.ApplicationError);
  });

  it("on what is no ConnectError is the core's, and survives causes that go round in a circle", () => {
    const thrown = Object.assign(new Error('x'), { code: 'ECONNRESET' });
    expect(verdictOf(thrown, undefined).outcome).toBe(classifyError(thrown));
    const circle = new Error('x');
    circle.cause = circle;
    const error = new ConnectError('x', Code.Internal, undefined, undefined, circle);
    expect(verdictOf(error, undefined).outcome).toBe(Outcome.Failure);
  });
});

describe('what fairlead refuses', () => {
  it.each([
    ['FAIRLEAD_NO_ENDPOINT', Code.Unavailable],
    ['FAIRLEAD_DEADLINE_EXCEEDED', Code.DeadlineExceeded],
    ['FAIRLEAD_CANCELLED', Code.Canceled],
    ['FAIRLEAD_RATE_LIMITED', Code.ResourceExhausted],
    ['FAIRLEAD_UNCERTAIN', Code.Unknown],
  ] as const)('reaches a client of Connect as a ConnectError: %s', (code, expected) => {
    const cause = new FairleadError(code, 'why');
    expect(toConnectError(cause)).toMatchObject({ code: expected, rawMessage: 'why', cause });
    expect(toConnectError(cause)).toBeInstanceOf(ConnectError);
  });

  it('leaves every other error as it is', () => {
    const error = new ConnectError('x', Code.NotFound);
    expect(toConnectError(error)).toBe(error);
  });
});
