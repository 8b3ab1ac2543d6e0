import { inspect } from 'node:util';
import { affinityTokens } from 'fairlead';
import { ManualClock } from 'fairlead/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EndpointTags } from '../../src/affinity/endpoint-tags.js';
import type { TokenKey } from '../../src/affinity/signed-text.js';
import { endpoints, testMesh } from '../support/mesh.js';

const secretOf = (letter: string): string => letter.repeat(32);
const audience = 'users';
const key = (id: string): TokenKey => ({ id, secret: secretOf(id[0]!) });

function service(count = 3) {
  const { mesh } = testMesh({ users: endpoints(count) });
  return mesh.service('users');
}

describe('an affinity token', () => {
  it('leads back to its endpoint', () => {
    const users = service();
    const tokens = affinityTokens({ keys: [key('a')], audience });
    for (const endpoint of users.endpoints) {
      const id = tokens.read(tokens.issue(endpoint), users.endpoints);
      expect(users.acquire({ prefer: id }).endpoint).toBe(endpoint);
    }
  });

  it('can be read by another process with the same key', () => {
    const users = service();
    const token = affinityTokens({ keys: [key('a')], audience }).issue(users.endpoints[1]!);
    expect(affinityTokens({ keys: [key('a')], audience }).read(token, users.endpoints)).toBe('e1');
  });

  it('tells neither id nor address, and fits into a cookie', () => {
    const { mesh } = testMesh({ users: [{ id: 'users-10.20.30.40', host: '10.20.30.40', port: 8_080 }] });
    const token = affinityTokens({ keys: [key('a')], audience }).issue(mesh.service('users').endpoints[0]!);
    expect(token).toMatch(/^[\w.-]{1,140}$/);
    const decoded = token.split('.').map((part) => Buffer.from(part, 'base64url').toString('latin1'));
    expect([token, ...decoded].join(' ')).not.toMatch(/10\.20|users|8080/);
  });

  it('is refused after a change of any character', () => {
    const users = service();
    const tokens = affinityTokens({ keys: [key('a'), key('b')], audience });
    const token = tokens.issue(users.endpoints[1]!);
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.constantFrom(...'abAB01-_.'), (at, letter) => {
        const changed = token.slice(0, at) + letter + token.slice(at + 1);
        fc.pre(changed !== token);
        expect(tokens.read(changed, users.endpoints)).toBeUndefined();
      }),
    );
  });

  it('has one spelling: what base64 reads as the same bytes is another token', () => {
    const users = service();
    const tokens = affinityTokens({ keys: [key('a')], audience });
    const token = tokens.issue(users.endpoints[1]!);
    const body = token.slice(0, -22);
    const mac = token.slice(-22);
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const twins = [...alphabet].map((last) => body + mac.slice(0, -1) + last).filter((each) => each !== token);
    const others = [
      `${token}=`,
      `${token}==`,
      `${token} `,
      ` ${token}`,
      `${token}\n`,
      `${body}${mac.slice(0, 8)}\n${mac.slice(8)}`,
      `${body}${mac.replaceAll('-', '+').replaceAll('_', '/')}=`,
      // Letters whose codes differ by a multiple of 256.
      body + String.fromCharCode(mac.charCodeAt(0) + 256) + mac.slice(1),
      token.replace(/^f1/, 'F1'),
      token.replace(/\.(\w+)\.(\w+)\.(\w+)/, (_, id, expiry, tag) => `.${id}.0${expiry}.${tag}`),
    ];
    for (const each of [...twins, ...others]) expect(tokens.read(each, users.endpoints)).toBeUndefined();
    expect(tokens.read(token, users.endpoints)).toBe('e1');
  });

  it('is refused whatever else it is, without throwing', () => {
    const users = service();
    const tokens = affinityTokens({ keys: [key('a')], audience });
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(tokens.read(text, users.endpoints)).toBeUndefined();
      }),
    );
    for (const odd of [undefined, '', '....', 'f1.a.b.c.d', 'x'.repeat(1_000_000), 'f1.__proto__.a.b.c']) {
      expect(tokens.read(odd, users.endpoints)).toBeUndefined();
    }
  });

  it('expires', () => {
    const users = service();
    const clock = new ManualClock();
    const tokens = affinityTokens({ keys: [key('a')], audience, ttlMs: 60_000, clock });
    const token = tokens.issue(users.endpoints[0]!);
    clock.advance(59_999);
    expect(tokens.read(token, users.endpoints)).toBe('e0');
    clock.advance(1_001);
    expect(tokens.read(token, users.endpoints)).toBeUndefined();
  });

  it('outlives the rotation of keys until its key is dropped', () => {
    const users = service();
    const token = affinityTokens({ keys: [key('a')], audience }).issue(users.endpoints[2]!);
    const rotated = affinityTokens({ keys: [key('b'), key('a')], audience });
    expect(rotated.read(token, users.endpoints)).toBe('e2');
    expect(rotated.issue(users.endpoints[0]!)).toMatch(/^f1\.b\./);
    expect(affinityTokens({ keys: [key('b')], audience }).read(token, users.endpoints)).toBeUndefined();
  });

  it('is of one service and secret only', () => {
    const users = service();
    const token = affinityTokens({ keys: [key('a')], audience: 'users' }).issue(users.endpoints[0]!);
    expect(affinityTokens({ keys: [key('a')], audience: 'orders' }).read(token, users.endpoints)).toBeUndefined();
    const forged = affinityTokens({ keys: [{ id: 'a', secret: secretOf('x') }], audience: 'users' });
    expect(forged.read(token, users.endpoints)).toBeUndefined();
  });

  it('is known for an endpoint that left after it was seen, so that its sessions may drain', () => {
    const users = service();
    const tokens = affinityTokens({ keys: [key('a')], audience });
    const token = tokens.issue(users.endpoints[0]!);
    expect(tokens.read(token, [])).toBe('e0');
    expect(affinityTokens({ keys: [key('a')], audience }).read(token, users.endpoints.slice(1))).toBeUndefined();
  });

  it('leads back to each of more endpoints than are usual, and is learnt for new ones only when the list changes', () => {
    const all = Array.from({ length: 25_000 }, (_, i) => ({ spec: { id: `e${i}` } }));
    let asked = 0;
    const tokens = affinityTokens({ keys: [key('a')], audience });
    const issuer = affinityTokens({ keys: [key('a')], audience });
    for (const which of [0, 12_345, 24_999]) {
      expect(tokens.read(issuer.issue(all[which]!), all)).toBe(`e${which}`);
    }
    const known = new EndpointTags((id) => {
      asked++;
      return `tag of ${id}`;
    });
    known.learnAll(all);
    known.learnAll([...all.slice(1), { spec: { id: 'new' } }]);
    expect(asked).toBe(25_001);
    expect(known.idOf('tag of e0')).toBe('e0');
  });

  it('forgets those that were seen longest ago, not those that are there', () => {
    const known = new EndpointTags((id) => `tag of ${id}`);
    const there = [{ spec: { id: 'a' } }, { spec: { id: 'b' } }];
    for (let generation = 0; generation < 20_000; generation++) {
      known.learnAll([...there, { spec: { id: `g${generation}` } }]);
    }
    expect(known.idOf('tag of a')).toBe('a');
    expect(known.idOf('tag of g19999')).toBe('g19999');
    expect(known.idOf('tag of g10002')).toBe('g10002');
    expect(known.idOf('tag of g9999')).toBeUndefined();
  });
});

describe('affinityTokens', () => {
  it('shows its secrets to nobody', () => {
    const tokens = affinityTokens({ keys: [key('a')], audience });
    expect(inspect(tokens, { depth: 10, showHidden: true })).not.toContain('aaaa');
    expect(JSON.stringify(tokens)).not.toContain('aaaa');
    expect(() => affinityTokens({ keys: [{ id: 'a', secret: 'short-and-secret' }], audience })).toThrow(
      /^(?!.*short-and-secret).*keys\[0\]\.secret is refused/,
    );
  });

  it.each([
    [{}, /affinityTokens\.keys is undefined/],
    [{ keys: [] }, /affinityTokens\.keys is an array/],
    [{ keys: [{ id: 'a.b', secret: secretOf('a') }] }, /keys\[0\]\.id is "a\.b"/],
    [{ keys: [key('a'), key('a')] }, /keys with different ids/],
    [{ keys: [key('a')], audience, ttlMs: 0 }, /ttlMs is 0/],
    [{ keys: [key('a')] }, /audience is undefined: allowed is the name of the service/],
    [{ keys: [key('a')], audience: '' }, /audience is ""/],
  ])('refuses %j', (options, message) => {
    expect(() => affinityTokens(options as never)).toThrow(message);
  });
});
