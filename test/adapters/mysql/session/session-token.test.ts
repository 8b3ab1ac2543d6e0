import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { GtidToken } from '../../../../adapters/mysql/cluster/gtid.js';
import { readPoolOptions } from '../../../../adapters/mysql/common/options.js';
import { type SessionMark, SessionTokens } from '../../../../adapters/mysql/session/session-token.js';

const SECRET = 'a secret that is long enough for this';
const keys = (...ids: string[]) =>
  readPoolOptions({ service: 'db', sessionKeys: ids.map((id) => ({ id, secret: `${id}: ${SECRET}` })) }).own
    .sessionKeys;
const clock = new ManualClock();
const tokens = (signed = keys('a'), service = 'db'): SessionTokens => new SessionTokens(signed, service, 10_000, clock);

const GTID = '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-23';

describe('a session as a token', () => {
  it.each<SessionMark>([
    { positions: GTID, pending: 'nothing' },
    { positions: '0-1-77', pending: 'primary' },
    { positions: '', pending: 'primary' },
    { positions: GTID, pending: { replica: 'db-1:3306' } },
    { positions: '', pending: { replica: 'Server é 7' } },
  ])('says the same in any process with the same keys: %j', (mark) => {
    const token = tokens().issue(mark);
    expect(token).toMatch(/^[\w.-]+$/);
    expect(tokens(keys('b', 'a')).read(token)).toEqual(mark);
  });

  it('is empty where nothing was done', () => {
    expect(tokens().issue({ positions: '', pending: 'nothing' })).toBe('');
  });

  it('is nothing to those with other keys, for another service, changed, or too old', () => {
    const token = tokens().issue({ positions: GTID, pending: 'nothing' });
    expect(tokens(keys('b')).read(token)).toBeUndefined();
    expect(tokens(keys('a'), 'other').read(token)).toBeUndefined();
    const [version, key, expiry, payload, mac] = token.split('.');
    const changed = Buffer.from(`*\n${GTID}9`).toString('base64url');
    expect(tokens().read([version, key, expiry, changed, mac].join('.'))).toBeUndefined();
    expect(tokens().read([version, key, 'zzzzzz', payload, mac].join('.'))).toBeUndefined();
    expect(tokens().read(`${token}A`)).toBeUndefined();
    for (const other of [undefined, null, '', 5, {}, 'x'.repeat(1_000_000), GTID]) {
      expect(tokens().read(other)).toBeUndefined();
    }
    expect(tokens().read(token)).toBeDefined();
    clock.advance(3_601_000);
    expect(tokens().read(token)).toBeUndefined();
  });

  it('is never longer than 1,024 characters: what does not fit is asked of the primary', () => {
    const many = new GtidToken();
    for (let i = 0; i < 16; i++) {
      const source = `3e11fa47-71ca-11e1-9e33-c80aa94295${String(i).padStart(2, '0')}`;
      many.add(`${source}:${'tag'.repeat(8)}:1-999999999999999`);
    }
    const positions = many.toString();
    expect(positions.length).toBeGreaterThan(1_024);
    for (const pending of ['nothing', { replica: 'r'.repeat(300) }] as const) {
      const token = tokens().issue({ positions, pending });
      expect(token.length).toBeLessThanOrEqual(1_024);
      const mark = tokens().read(token)!;
      expect(mark.pending).toBe('primary');
      // The newest are kept.
      expect(mark.positions.endsWith(positions.slice(-70))).toBe(true);
    }
    expect(tokens().issue({ positions: '', pending: { replica: 'r'.repeat(5_000) } }).length).toBeLessThan(1_024);
  });

  it('is not issued without keys, and not believed', () => {
    const none = new SessionTokens(undefined, 'db', 0, clock);
    expect(() => none.issue({ positions: '', pending: 'nothing' })).toThrow(
      'exportSession needs the option sessionKeys',
    );
    expect(none.read(tokens().issue({ positions: GTID, pending: 'primary' }))).toBeUndefined();
  });
});
