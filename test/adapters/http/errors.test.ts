import { createMesh, FairleadError, staticResolver } from 'fairlead';
import { httpError, httpStatusOf } from 'fairlead/http';
import { describe, expect, it } from 'vitest';

describe('httpStatusOf', () => {
  it.each([
    [new FairleadError('FAIRLEAD_DEADLINE_EXCEEDED', 'x'), 504],
    [new FairleadError('FAIRLEAD_NO_ENDPOINT', 'x'), 503],
    [Object.assign(new Error('x'), { code: 5, details: 'no such user' }), 404],
    [Object.assign(new Error('x'), { code: 14, details: 'gone' }), 503],
    [Object.assign(new Error('x'), { code: 'UND_ERR_SOCKET' }), 502],
    [Object.assign(new Error('x'), { code: 'ECONNREFUSED' }), 502],
    [new FairleadError('FAIRLEAD_UNCERTAIN', 'x'), 502],
    [Object.assign(new Error('x'), { code: 'UND_ERR_HEADERS_TIMEOUT' }), 504],
    [new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code: 'ECONNRESET' }) }), 502],
    [Object.assign(new Error('x'), { statusCode: 418 }), 418],
    [Object.assign(new Error('x'), { name: 'HTTPParserError' }), 502],
    [new Error('a bug'), 500],
    ['a text', 500],
    [null, 500],
  ])('of %s is %s', (error, status) => {
    expect(httpStatusOf(error).status).toBe(status);
  });

  it('of a call refused by a limit is 429, with the seconds to wait', async () => {
    await using mesh = createMesh({ resolver: staticResolver({ users: ['127.0.0.1:1'] }) });
    const users = mesh.service('users', { resilience: { limits: { rate: { perSecond: 0.1, burst: 1 } } } });
    await users.call(() => 1);
    const refused: unknown = await users.call(() => 1).catch((error: unknown) => error);
    const { status, headers } = httpStatusOf(refused);
    expect(status).toBe(429);
    expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    expect(Number(headers['retry-after'])).toBeLessThanOrEqual(10);
  });
});

describe('httpError', () => {
  it('returns what went well and throws what did not, so that call() judges the endpoint', async () => {
    const ok = new Response('fine');
    expect(httpError(ok)).toBe(ok);
    await using mesh = createMesh({ resolver: staticResolver({ users: ['127.0.0.1:1', '127.0.0.1:2'] }) });
    const users = mesh.service('users', { policy: 'round_robin' });
    for (let i = 0; i < 20; i++) {
      await users
        .call(({ spec }) => httpError(new Response(null, { status: spec.port === 1 ? 500 : 404 })))
        .catch(({ status }) => expect([404, 500]).toContain(status));
    }
    expect(users.endpoints.map(({ state }) => state)).toEqual(['ejected', 'ready']);
  });
});
