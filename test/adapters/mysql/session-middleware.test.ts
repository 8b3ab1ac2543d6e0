import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { sessionMiddleware } from 'fairlead/mysql';
import { describe, expect, it } from 'vitest';
import { type CarriedSession, sessionCarriers } from '../../../adapters/mysql/session/session-carriers.js';

const SECRET = 'a secret that is long enough for this';

/** A pool whose sessions change when the test says so. */
function scene(options: object = { secret: SECRET }) {
  const pool = { session: <T>(run: () => T): T => run() };
  const begun: (string | undefined)[] = [];
  let changed: string | undefined;
  let runs = 0;
  sessionCarriers.set(pool, () => (token) => {
    begun.push(token);
    const session: CarriedSession = {
      run: (run) => {
        runs++;
        return run();
      },
      changed: () => changed,
    };
    return session;
  });
  const middleware = sessionMiddleware(pool, options as never);
  const request = (cookie?: string) => {
    const incoming = new IncomingMessage(new Socket());
    if (cookie !== undefined) incoming.headers.cookie = cookie;
    return { incoming, response: new ServerResponse(incoming) };
  };
  const change = (to: string): void => {
    changed = to;
  };
  return { middleware, request, begun, change, runs: () => runs };
}

const COOKIE = '__Host-fairlead-mysql=new; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure';

describe('the session of a request', () => {
  it('is the one of its cookie, and nothing is written where it did nothing', () => {
    const { middleware, request, begun } = scene();
    const { incoming, response } = request('a=b; __Host-fairlead-mysql=old; fairlead-mysql=other');
    let ran = false;
    middleware(incoming, response, () => {
      ran = true;
    });
    response.writeHead(200).end();
    expect([ran, begun, response.getHeader('set-cookie')]).toEqual([true, ['old'], undefined]);
  });

  it.each<[how: string, answer: (response: ServerResponse) => void, others: readonly string[]]>([
    ['headers that are implied', (response) => void response.end('x'), []],
    ['writeHead', (response) => void response.writeHead(200), []],
    ['writeHead with a reason', (response) => void response.writeHead(200, 'fine'), []],
    ['flushHeaders', (response) => response.flushHeaders(), []],
    ['a cookie of its own', (response) => void response.setHeader('set-cookie', 'a=1').end(), ['a=1']],
    [
      'cookies in an object',
      (response) => void response.writeHead(200, { 'Set-Cookie': ['a=1', 'b=2'] }),
      ['a=1', 'b=2'],
    ],
    [
      'cookies in a list',
      (response) => void response.writeHead(200, ['set-cookie', 'a=1', 'Set-Cookie', 'b=2']),
      ['a=1', 'b=2'],
    ],
    [
      'an object beside a header that was set',
      (response) => void response.setHeader('x', '1').writeHead(200, 'fine', { 'set-cookie': 'a=1', y: 2 }),
      ['a=1'],
    ],
  ])('is written once with %s, beside what else is', (_, answer, others) => {
    const { middleware, request, change } = scene();
    const { incoming, response } = request();
    middleware(incoming, response, () => change('new'));
    answer(response);
    if (!response.writableEnded) response.end();
    expect([response.getHeader('set-cookie')].flat()).toEqual([...others, COOKIE]);
  });

  it('is the same where a framework asks again, in another context', () => {
    const { middleware, request, begun, change, runs } = scene();
    const { incoming, response } = request();
    middleware(incoming, response, () => {});
    middleware(incoming, response, () => change('new'));
    response.end();
    expect([begun, runs(), [response.getHeader('set-cookie')].flat()]).toEqual([[undefined], 2, [COOKIE]]);
  });

  it('has the name that it is given, and goes without TLS where it may', () => {
    const { middleware, request, change, begun } = scene({ secret: SECRET, cookie: 'db', secure: false });
    const { incoming, response } = request('db=old');
    middleware(incoming, response, () => change('new'));
    response.end();
    expect(begun).toEqual(['old']);
    expect(response.getHeader('set-cookie')).toBe('db=new; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax');
  });

  it.each([
    [{ secret: 'too short' }, /sessionMiddleware\.secret is refused \(value not shown\)/],
    [{}, /sessionMiddleware\.secret/],
    [{ secret: [] }, /sessionMiddleware\.secret/],
    [{ secret: SECRET, cookie: 'a b' }, /sessionMiddleware\.cookie/],
    [{ secret: SECRET, secure: 1 }, /sessionMiddleware\.secure/],
    [{ secret: SECRET, maxAge: 3 }, /sessionMiddleware\.maxAge is not an option/],
  ])('is refused with %j', (options, message) => {
    expect(() => scene(options)).toThrow(message);
  });

  it('is that of a pool of fairlead', () => {
    expect(() => sessionMiddleware({ session: (run) => run() }, { secret: SECRET })).toThrow(/sessionMiddleware\.pool/);
  });
});
