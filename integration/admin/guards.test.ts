import { createMesh, type Mesh, staticResolver } from 'fairlead';
import { createAdmin } from 'fairlead/admin';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, post, startAdmin, TOKEN } from './support.js';

let mesh: Mesh;
let port: number;
let readOnly: number;
const drain = { service: 'users', endpoint: '10.0.0.1:1' };
const stateOf = (): string => mesh.service('users').endpoints[0]!.state;

beforeAll(async () => {
  mesh = createMesh({ resolver: staticResolver({ users: ['10.0.0.1:1', '10.0.0.2:1'] }) });
  mesh.service('users');
  port = (await startAdmin(mesh, { token: TOKEN, hosts: ['mesh.internal'] })).port;
  readOnly = (await startAdmin(mesh, {})).port;
});
afterAll(() => mesh.close());

const code = (body: string): string => JSON.parse(body).error.code;

describe('a change', () => {
  it.each([
    ['without a token', { authorization: '' }, 401, 'TOKEN'],
    ['with another token', { authorization: 'Bearer another-token-here' }, 401, 'TOKEN'],
    ['from a page of another origin', { origin: 'https://evil.example' }, 403, 'ORIGIN'],
    ['from an opaque origin', { origin: 'null' }, 403, 'ORIGIN'],
    ['from another site', { 'sec-fetch-site': 'cross-site' }, 403, 'ORIGIN'],
    ['from another name of the site', { 'sec-fetch-site': 'same-site' }, 403, 'ORIGIN'],
    ['by a name that was made to point here', { host: 'evil.example' }, 421, 'HOST'],
    ['by the name of another, as its user', { host: '127.0.0.1@evil.example' }, 421, 'HOST'],
    ['as a form would send it', { 'content-type': 'text/plain' }, 415, 'CONTENT_TYPE'],
  ])('%s is refused, and nothing changes', async (_, headers, status, why) => {
    const { status: got, body } = await post(port, 'drain', drain, headers as unknown as Record<string, string>);
    expect([got, code(body), stateOf()]).toEqual([status, why, 'ready']);
  });

  it('is a POST: by GET it is refused, with and without the token', async () => {
    const authorization = `Bearer ${TOKEN}`;
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE']) {
      expect((await ask(port, '/api/drain', { method, headers: { authorization } })).status).toBe(405);
    }
    expect(stateOf()).toBe('ready');
  });

  it('is refused where there is no token at all', async () => {
    const { status, body } = await post(readOnly, 'drain', drain);
    expect([status, code(body), stateOf()]).toEqual([403, 'READ_ONLY', 'ready']);
  });

  it('is carried out for the page itself', async () => {
    const headers = { origin: `http://localhost:${port}`, host: `localhost:${port}`, 'sec-fetch-site': 'same-origin' };
    expect((await post(port, 'drain', drain, headers)).status).toBe(200);
    expect(stateOf()).toBe('unhealthy');
    expect((await post(port, 'restore', drain, headers)).status).toBe(200);
  });
});

describe('reading', () => {
  it('needs no token on this machine, and is not for pages of other origins', async () => {
    expect((await ask(readOnly, '/api/state')).status).toBe(200);
    expect((await ask(readOnly, '/api/state', { headers: { origin: 'https://evil.example' } })).status).toBe(403);
    expect((await ask(readOnly, '/api/state', { headers: { 'sec-fetch-site': 'cross-site' } })).status).toBe(403);
    expect((await ask(readOnly, '/api/state', { headers: { host: 'evil.example' } })).status).toBe(421);
    expect((await ask(readOnly, '/', { headers: { host: 'evil.example' } })).status).toBe(421);
  });

  it('under a name of `hosts` needs the token', async () => {
    const host = 'mesh.internal:80';
    expect((await ask(port, '/api/state', { headers: { host } })).status).toBe(401);
    expect((await ask(port, '/api/state', { headers: { host, authorization: `Bearer ${TOKEN}` } })).status).toBe(200);
    expect((await ask(port, '/', { headers: { host } })).status).toBe(200);
  });

  it('refuses a token in the address, which ends in logs', async () => {
    for (const name of ['token', 'access_token']) {
      expect(code((await ask(port, `/api/state?${name}=${TOKEN}`)).body)).toBe('TOKEN_IN_ADDRESS');
    }
  });
});

describe('the page', () => {
  it('runs nothing but its own script, and is framed and cached by nobody', async () => {
    const { headers, body } = await ask(port, '/');
    const policy = String(headers['content-security-policy']);
    expect(policy).toMatch(
      /^default-src 'none'; script-src 'sha256-[\w+/=]+'; style-src 'sha256-[\w+/=]+'; connect-src 'self'/,
    );
    expect(policy).not.toMatch(/unsafe|\*/);
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
    });
    expect(body).not.toContain(TOKEN);
    expect(body.match(/<script/g)).toHaveLength(1);
    expect(body).not.toMatch(/\bsrc="https?:|@import|url\(http/);
  });
});

describe('listening', () => {
  it('beyond this machine is refused without a token', async () => {
    await using admin = createAdmin(mesh);
    for (const host of ['0.0.0.0', '::', '192.0.2.1']) {
      await expect(admin.listen(0, host)).rejects.toMatchObject({ code: 'FAIRLEAD_INVALID_OPTION' });
    }
    expect(admin.address).toBeUndefined();
  });

  it('beyond this machine with a token is served to others only with it', async () => {
    await using admin = createAdmin(mesh, { token: TOKEN, hosts: ['mesh.internal'] });
    const own = await admin.listen(0, '0.0.0.0');
    expect((await ask(own, '/api/state', { headers: { host: '192.0.2.1' } })).status).toBe(401);
    await expect(admin.listen()).rejects.toMatchObject({ code: 'FAIRLEAD_CONFLICT' });
  });

  it('ends with the mesh, streams included', async () => {
    const own = createMesh();
    const { admin, port: ownPort } = await startAdmin(own);
    const stream = ask(ownPort, '/api/stream').catch(() => undefined);
    await own.close();
    await stream;
    expect(admin.address).toBeUndefined();
    await expect(ask(ownPort, '/')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('takes tokens that cannot be guessed, hosts that are names, and what it knows', () => {
    expect(() => createAdmin(mesh, { token: 'short' })).toThrow(/16 characters/);
    expect(() => createAdmin(mesh, { token: 'short' })).not.toThrow(/short\b.*is/);
    expect(() => createAdmin(mesh, { hosts: ['a:80'] })).toThrow(/hosts/);
    expect(() => createAdmin(mesh, { config: {} as never })).toThrow(/createConfigStore/);
    expect(() => createAdmin(mesh, { monitor: {} as never })).toThrow(/monitorMesh/);
    expect(() => createAdmin(mesh, { updateMs: 100 })).toThrow(/updateMs/);
  });
});
