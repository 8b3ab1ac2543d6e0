import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GtidPosition, GtidToken } from '../../../../adapters/mysql/cluster/gtid.js';

const A = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const B = '4a22fa47-71ca-11e1-9e33-c80aa9429562';
const token = (...texts: string[]): GtidToken => {
  const made = new GtidToken();
  for (const text of texts) made.add(text);
  return made;
};

describe('gtid tokens', () => {
  it.each([
    ['the manual’s interval', `${A}:1-5`, [`${A}:3`], true],
    ['beyond the end', `${A}:1-5`, [`${A}:6`], false],
    ['a gap', `${A}:1-3:11:47-49`, [`${A}:5`], false],
    ['the second interval', `${A}:1-3:11:47-49`, [`${A}:48`], true],
    ['two sources, both there', `${A}:1-5,\n${B}:1-9`, [`${A}:5`, `${B}:9`], true],
    ['two sources, one missing', `${A}:1-5`, [`${A}:5`, `${B}:1`], false],
    ['upper case', `${A.toUpperCase()}:1-5`, [`${A}:5`], true],
    ['a tag', `${A}:1-5:audit:1-7`, [`${A}:audit:6`], true],
    ['a tag that is behind', `${A}:1-9:audit:1-7`, [`${A}:audit:8`], false],
    ['MariaDB, behind', '0-1-41', ['0-1-42'], false],
    ['MariaDB, there, after a failover to server 2', '0-2-43', ['0-1-42'], true],
    ['MariaDB, another domain', '1-1-100', ['0-1-1'], false],
    ['an empty position', '', [`${A}:1`], false],
    ['an empty token', '', [], true],
    ['text that is no position', 'nonsense', ['nonsense'], true],
  ])('are covered, or not, with %s', (_, position, writes, expected) => {
    expect(token(...writes).coveredBy(GtidPosition.parse(position))).toBe(expected);
  });

  it('go through their text unchanged, as a cookie does', () => {
    const made = token(`${A}:7`, `${A}:9`, `${B}:1-4`, '0-1-42');
    expect(made.toString()).toBe(`${A}:7-9,${B}:1-4,0-1-42`);
    expect(token(made.toString()).toString()).toBe(made.toString());
  });

  it('are covered exactly when every write is, for any history of one source', () => {
    const writes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(writes, fc.integer({ min: 0, max: 50 }), (numbers, executed) => {
        const position = GtidPosition.parse(executed === 0 ? '' : `${A}:1-${executed}`);
        const made = token(...numbers.map((n) => `${A}:${n}`));
        expect(made.coveredBy(position)).toBe(numbers.every((n) => n <= executed));
      }),
    );
  });

  it('stay small however often the primary changes', () => {
    const made = new GtidToken();
    for (let i = 0; i < 1_000; i++) made.add(`${A.slice(0, -4)}${String(i).padStart(4, '0')}:1`);
    expect(made.toString().length).toBeLessThan(1_000);
  });
});

describe('runs of one source', () => {
  it('are told apart where members of a group number their transactions by blocks', () => {
    const position = GtidPosition.parse(`${A}:1-12:1000001-1000003:2000001`);
    expect(position.newest).toBe(`${A}:1-12:1000001-1000003:2000001-2000001`);
    const made = token(position.newest);
    expect(made.coveredBy(position)).toBe(true);
    // What one member wrote before is not covered by what another one wrote later.
    expect(made.coveredBy(GtidPosition.parse(`${A}:1-11:1000001-1000003:2000001`))).toBe(false);
    made.add(`${A}:13`);
    expect(made.toString()).toBe(`${A}:1-13:1000001-1000003:2000001-2000001`);
  });

  it('are the newest few', () => {
    const many = Array.from({ length: 50 }, (_, i) => i * 1_000_000 + 1);
    const made = token(`${A}:${many.join(':')}`);
    expect(made.toString()).toBe(
      `${A}:${many
        .slice(-4)
        .map((n) => `${n}-${n}`)
        .join(':')}`,
    );
    expect(GtidPosition.parse(`${A}:${many.join(':')}`).newest).toBe(made.toString());
  });

  it('leave out what another server does not know the source of', () => {
    const position = GtidPosition.parse(`${A}:1-5,${B}:1-2`);
    expect(position.newestKnownTo(GtidPosition.parse(`${A}:1-3`))).toBe(`${A}:1-5`);
  });
});
