import { afterAll, describe, expect, it } from 'vitest';
import { literalsAssignedBelow, literalsAssignedIn } from './support/built-closures.js';
import { BuiltPackage } from './support/import-cost.js';

/**
 * V8 allocates a function literal that is assigned to a property in the old space, as one that will
 * stay. One made per call keeps all that it refers to until the next major collection: for a query
 * of MySQL that was 6 µs of collecting, more than all else that the adapter does. A constant in
 * between does not help, as the minifier puts it back; a function or method that returns the
 * closure does.
 */
describe('what is published assigns a function literal to a property', () => {
  const built = new BuiltPackage();
  afterAll(() => built[Symbol.dispose]());

  it('only once for a process, a connection, a wait or an end; never for a call', () => {
    expect(literalsAssignedBelow(built.folder)).toEqual({
      // Private: what is to be done when something stops listening, or is drained or closed, and a file that is read.
      '#': 10,
      // For a process or a connection.
      _destroy: 1,
      _notifyError: 1,
      changeUser: 1,
      closeIdleConnections: 1,
      connect: 1,
      destroy: 1,
      end: 1,
      flushQueue: 1,
      handlePacket: 1,
      handleReconnection: 1,
      onLatency: 1,
      otherwise: 1,
      query: 1,
      reconnectOnError: 1,
      setStatus: 1,
      write: 1,
      // For an endpoint of `prequal`.
      reply: 1,
      // For a login or the choice of a database; a stream that was broken off; a socket that is
      // refused; a wait, also of a command that blocks; what a broken connection had to send.
      '[]': 1,
      reject: 2,
      resolve: 1,
      emit: 1,
      destroySoon: 1,
      waitsFor: 3,
    });
  });
});

it('finds them in arrows, functions, fields and computed names', () => {
  const code = 'a.b = () => 1; class C { #d; e() { this.#d = function () {}; } } a[b] = x => x; a.f = made();';
  expect(literalsAssignedIn(code)).toEqual(['b', '#', '[]']);
});
