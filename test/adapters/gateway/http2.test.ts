import { constants } from 'node:http2';
import { createMesh, Outcome } from 'fairlead';
import { createGateway } from 'fairlead/gateway';
import { describe, expect, it } from 'vitest';
import { grpcMessage, grpcStatusOf } from '../../../adapters/gateway/common/grpc.js';
import { readGrpcTimeout, writeGrpcTimeout } from '../../../adapters/gateway/http2/grpc-timeout.js';
import { headerBlock, plainHeaders } from '../../../adapters/gateway/http2/header-block.js';
import { isPreface } from '../../../adapters/gateway/http2/preface.js';
import { grpcOfReset, outcomeOfGrpc, outcomeOfStatus, verdictOf } from '../../../adapters/gateway/http2/verdict.js';

describe('the options of HTTP/2', () => {
  const routes = [{ service: 'users' }];
  it.each([
    [{ http2: 'yes' }, /createGateway\.http2/],
    [{ http2: { maxStreams: 0 } }, /createGateway\.http2\.maxStreams is 0/],
    [{ http2: { resetsPerSecond: 0 } }, /createGateway\.http2\.resetsPerSecond is 0/],
    [{ http2: { controlFramesPerSecond: -1 } }, /createGateway\.http2\.controlFramesPerSecond is -1/],
    [{ http2: { stalledMs: -1 } }, /createGateway\.http2\.stalledMs is -1/],
    [{ http2: { streams: 3 } }, /createGateway\.http2\.streams is not an option/],
    [{ upstreams: { users: { protocol: 'h3' } } }, /upstreams\.users\.protocol is .*http\/1\.1, h2/],
    [{ upstreams: { users: { http2: { pingTimeoutMs: 1 } } } }, /upstreams\.users\.http2\.pingTimeoutMs is 1/],
    [{ upstreams: { users: { http2: { ping: 1 } } } }, /upstreams\.users\.http2\.ping is not an option/],
  ])('%j is refused', (options, message) => {
    expect(() => createGateway(createMesh(), { routes, ...(options as object) })).toThrow(message);
  });
});

describe('a block of headers', () => {
  it('has names in lower case, repeated ones as a list, and the first of what there is one of', () => {
    expect(headerBlock(['X-A', '1', 'x-a', '2', 'x-A', '3', 'ETag', '"1"', 'etag', '"2"'])).toEqual({
      'x-a': ['1', '2', '3'],
      etag: '"1"',
    });
  });

  it('RFC 9113, 8.2.2: has none that is about a connection, and no pseudo-header of a client', () => {
    const flat = [
      'Connection',
      'close',
      'Keep-Alive',
      'x',
      'Upgrade',
      'h2c',
      'Transfer-Encoding',
      'chunked',
      ':path',
      '/',
    ];
    expect(headerBlock([...flat, '__proto__', 'x', 'a', 'b'])).toEqual({ a: 'b' });
  });

  it('loses its pseudo-headers on the way to HTTP/1.1', () => {
    expect(plainHeaders([':status', '200', 'a', 'b', 'a', 'c'])).toEqual(['a', 'b', 'a', 'c']);
  });
});

describe('the first bytes of a client', () => {
  it('are HTTP/2 when all of the preface is there, and open while it may become that', () => {
    const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    expect(isPreface(Buffer.concat([preface, Buffer.from('\0\0')]))).toBe(true);
    for (let length = 0; length < preface.length; length++) {
      expect(isPreface(preface.subarray(0, length))).toBeUndefined();
    }
    for (const other of ['GET / HTTP/1.1\r\n', 'PRO', 'PRI * HTTP/1.1'])
      expect(isPreface(Buffer.from(other))).toBe(false);
  });
});

describe('a grpc-timeout', () => {
  it.each([
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['30S', 30_000],
    ['150m', 150],
    ['1500u', 1.5],
    ['99999999n', 99.999_999],
    ['', undefined],
    ['123456789m', undefined],
    ['1s', undefined],
    ['-1S', undefined],
  ])('%s is %s ms', (text, ms) => {
    expect(readGrpcTimeout(text)).toBe(ms);
  });

  it('is written in at most eight digits, and is never less than what it says', () => {
    for (const ms of [-5, 0, 0.000_1, 1, 99_999.9995, 100_000, 1e8, 3.6e9, 1e12]) {
      const text = writeGrpcTimeout(ms);
      expect(text).toMatch(/^\d{1,8}[umS]$/);
      if (ms < 9e10) expect(readGrpcTimeout(text)!).toBeGreaterThanOrEqual(ms);
    }
  });
});

describe('the end of a request over HTTP/2', () => {
  const broken = { error: new Error('x'), unconnected: false, unprocessed: false, resetBy: undefined, leaving: false };

  it('may be repeated elsewhere where nothing was processed, whatever it was', () => {
    const { Cancelled, ConnectFailure, Failure } = Outcome;
    const refused = Object.assign(new Error('x'), { code: 'ECONNREFUSED' });
    const left = Object.assign(new Error('x'), { code: 'UND_ERR_CLOSED' });
    const unsent = { ...broken, unconnected: true, unprocessed: true };
    expect(verdictOf({ ...unsent, error: refused })).toEqual({ outcome: ConnectFailure, repeat: 'always' });
    expect(verdictOf({ ...unsent, error: left })).toEqual({ outcome: Cancelled, repeat: 'always' });
    expect(verdictOf({ ...broken, unprocessed: true })).toEqual({ outcome: Failure, repeat: 'always' });
    expect(verdictOf({ ...broken, unprocessed: true, leaving: true })).toEqual({
      outcome: Cancelled,
      repeat: 'always',
    });
    expect(verdictOf(broken)).toEqual({ outcome: Failure, repeat: 'idempotent' });
    const resetBy = constants.NGHTTP2_ENHANCE_YOUR_CALM;
    expect(verdictOf({ ...broken, resetBy })).toEqual({ outcome: Outcome.Overloaded, repeat: 'idempotent' });
  });

  it('PROTOCOL-HTTP2.md: a reset has a status of gRPC', () => {
    expect(grpcOfReset(undefined)).toBe(14);
    expect(grpcOfReset(constants.NGHTTP2_REFUSED_STREAM)).toBe(14);
    expect(grpcOfReset(constants.NGHTTP2_CANCEL)).toBe(1);
    expect(grpcOfReset(constants.NGHTTP2_INADEQUATE_SECURITY)).toBe(7);
    expect(grpcOfReset(constants.NGHTTP2_PROTOCOL_ERROR)).toBe(13);
  });

  it('is judged by its status', () => {
    expect(outcomeOfGrpc(0)).toBe(Outcome.Success);
    expect(outcomeOfGrpc(5)).toBe(Outcome.ApplicationError);
    expect(outcomeOfGrpc(8)).toBe(Outcome.Overloaded);
    expect(outcomeOfGrpc(14)).toBe(Outcome.Failure);
    expect(outcomeOfGrpc(undefined)).toBe(Outcome.Failure);
    expect(outcomeOfGrpc(99)).toBe(Outcome.ApplicationError);
    expect([200, 404, 429, 500, 501].map(outcomeOfStatus)).toEqual([
      Outcome.Success,
      Outcome.ApplicationError,
      Outcome.Overloaded,
      Outcome.Failure,
      Outcome.ApplicationError,
    ]);
  });
});

describe('what the gateway says to a client of gRPC', () => {
  it('is a status for each of HTTP', () => {
    expect([400, 404, 405, 413, 429, 502, 503, 504, 418].map(grpcStatusOf)).toEqual([13, 12, 12, 8, 8, 14, 14, 4, 2]);
  });

  it('PROTOCOL-HTTP2.md: is percent-encoded', () => {
    expect(grpcMessage('100% of ümlaut\n')).toBe('100%25 of %C3%BCmlaut%0A');
  });
});
