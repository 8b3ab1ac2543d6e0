import { type AffinityTokensOptions, affinityTokens } from 'fairlead';
import { ManualClock } from 'fairlead/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

/**
 * Promise 10: tokens cannot be forged, have one spelling, are bound to an audience and to a time,
 * and reveal what docs/affinity.md lists: the name of their key, when they expire, and nothing of
 * the endpoint.
 */

const SECRET = 'an affinity secret of 32 bytes or more';
const keys: AffinityTokensOptions['keys'] = [{ id: 'k1', secret: SECRET }];
const endpoint = { spec: { id: 'users-10.20.30.40:8080' } };
const clock = new ManualClock();
const tokens = affinityTokens({ keys, audience: 'users', ttlMs: 60_000, clock });
const token = tokens.issue(endpoint);

describe('an affinity token', () => {
  it('is read where it is what was issued, and as nothing else', () => {
    expect(tokens.read(token, [endpoint])).toBe(endpoint.spec.id);
    fc.assert(
      fc.property(fc.nat(token.length), fc.nat(2), fc.string({ unit: 'binary', maxLength: 3 }), (at, cut, put) => {
        const changed = token.slice(0, at) + put + token.slice(at + cut);
        fc.pre(changed !== token);
        expect(tokens.read(changed, [endpoint])).toBeUndefined();
      }),
      { numRuns: 5_000 },
    );
  });

  it('of another audience, secret or key is not one', () => {
    const others = [
      affinityTokens({ keys, audience: 'orders', clock }),
      affinityTokens({ keys: [{ id: 'k1', secret: `${SECRET}!` }], audience: 'users', clock }),
      affinityTokens({ keys: [{ id: 'k2', secret: SECRET }], audience: 'users', clock }),
    ];
    for (const other of others) {
      expect(other.read(token, [endpoint])).toBeUndefined();
      expect(tokens.read(other.issue(endpoint), [endpoint])).toBeUndefined();
    }
  });

  it('ends when its time is over', () => {
    const later = new ManualClock();
    const reader = affinityTokens({ keys, audience: 'users', ttlMs: 60_000, clock: later });
    const issued = reader.issue(endpoint);
    later.advance(59_000);
    expect(reader.read(issued, [endpoint])).toBe(endpoint.spec.id);
    later.advance(2_000);
    expect(reader.read(issued, [endpoint])).toBeUndefined();
  });

  it('reveals its key and its expiry, and of the endpoint that two tokens name the same one', () => {
    const [version, key, expiry, tag, mac] = token.split('.');
    expect([version, key]).toEqual(['f1', 'k1']);
    expect(Number.parseInt(expiry!, 36) * 1_000 - clock.wallMs()).toBeLessThanOrEqual(61_000);
    for (const part of [tag!, mac!]) {
      expect(part).toMatch(/^[\w-]{22}$/);
      expect(Buffer.from(part, 'base64url').toString('latin1')).not.toMatch(/users|10\.20|8080/);
    }
    const other = tokens.issue({ spec: { id: 'users-10.20.30.41:8080' } });
    expect(tokens.issue(endpoint).split('.')[3]).toBe(tag);
    expect(other.split('.')[3]).not.toBe(tag);
  });
});
