import { describe, expect, it } from 'vitest';
import {
  holdsCredentials,
  isSecretName,
  show,
  showKind,
  showName,
  withoutCredentials,
} from '../../src/runtime/shown.js';

describe('a value in a message', () => {
  it.each<[value: unknown, shown: string]>([
    ['users', '"users"'],
    ['', '""'],
    ['a "b"', '"a \\"b\\""'],
    ['x'.repeat(80), `"${'x'.repeat(80)}"`],
    ['x'.repeat(81), `"${'x'.repeat(80)}…"`],
    [7, '7'],
    [true, 'true'],
    [undefined, 'undefined'],
    [null, 'null'],
    [Symbol('s'), 'Symbol(s)'],
    [[1, 2], 'an array'],
    [{ password: 'x' }, 'an object'],
    [() => 'x', 'a function'],
  ])('%o is shown as %s', (value, shown) => {
    expect(show(value)).toBe(shown);
  });

  it.each(['password', 'mysql.passwd', 'redis.pwd', 'clientSecret', 'a.token', 'credentials', 'dsn', 'uri', 'b.url'])(
    'is not shown under the name %s, where it is a text or a number',
    (name) => {
      expect(show('hunter2', name)).toBe('a text of 7 characters');
      expect(show(1234, name)).toBe('a number');
      expect([undefined, null, true].map((each) => show(each, name))).toEqual(['undefined', 'null', 'true']);
      expect(isSecretName(name)).toBe(true);
    },
  );

  it.each(['users', 'urls', 'curl', 'token.kind', 'secret.name'])('is shown under the name %s', (name) => {
    expect([show('it', name), isSecretName(name)]).toEqual(['"it"', false]);
  });

  it('is shown where it counts tokens, as a number, not as a text', () => {
    for (const name of ['retryThrottling.maxTokens', 'tokenRatio']) {
      expect(show(10, name)).toBe('10');
      expect(show('hunter2', name)).toBe('a text of 7 characters');
    }
  });

  it('is counted only where an object belongs, unless it is short', () => {
    expect(showKind('round_robin')).toBe('a text of 11 characters');
    expect([showKind('nine char'), showKind('eight ch')]).toEqual(['a text of 9 characters', '"eight ch"']);
    expect([showKind(7), showKind([])]).toEqual(['7', 'an array']);
  });
});

describe('the name of an option', () => {
  it('is shown as it is where it is one, else as a text', () => {
    expect(showName('limits.max-in_flight.$1')).toBe('limits.max-in_flight.$1');
    expect(showName('n'.repeat(60))).toBe('n'.repeat(60));
    expect(showName('n'.repeat(61))).toBe(`"${'n'.repeat(61)}"`);
    expect(showName('')).toBe('""');
    expect(showName('a b')).toBe('"a b"');
    expect(showName('mysql://me:hunter2@db')).toBe('"mysql://…@db"');
  });
});

describe('a text without its credentials', () => {
  it.each([
    ['mysql://me:hunter2@db:3306/x', 'mysql://…@db:3306/x'],
    ['me:hunter2@db', '…@db'],
    ['mysql://me:p@ss@db', 'mysql://…@db'],
    ['me@db?at=http://x', '…@db?at=http://x'],
    ['http://db/?password=hunter2&x=1', 'http://db/?password=…'],
    ['Server=db;Pwd=hunter2', 'Server=db;Pwd=…'],
    ['{"api_key": "hunter2"}', '{"api_key":…'],
    ["'token' = hunter2", "'token' =…"],
    ['secretKeyBase: hunter2', 'secretKeyBase:…'],
    ['mysql://me:x@db/?access_token=hunter2', 'mysql://…@db/?access_token=…'],
  ])('%s is %s', (text, without) => {
    expect(withoutCredentials(text)).toBe(without);
    expect(holdsCredentials(text)).toBe(true);
  });

  it.each(['users', 'http://db/x?y=1', 'passport control', 'a token'])('%s stays as it is', (text) => {
    expect(withoutCredentials(text)).toBe(text);
    expect(holdsCredentials(text)).toBe(false);
  });
});
