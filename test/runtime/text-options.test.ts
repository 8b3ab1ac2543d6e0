import { describe, expect, it } from 'vitest';
import { headersToSend, token } from '../../src/runtime/http-fields.js';
import { named } from '../../src/runtime/named.js';
import { fields, integer } from '../../src/runtime/options.js';
import { pem, pems } from '../../src/runtime/pem.js';

describe('the name of a header', () => {
  it.each(['x-user', 'X_1', "!#$%&'*+-.^_`|~"])('may be %s', (name) => {
    expect(token(name, 'it')).toBe(name);
  });

  it.each(['', 'a b', 'a:b', 'a\n', 'ä', '(a)', 7, undefined])('is not %o', (name) => {
    expect(() => token(name, 'it')).toThrow(/^it is .*: allowed is a name of RFC 9110/);
  });
});

describe('headers to send', () => {
  it('are values by name, or none', () => {
    const headers = { 'x-a': 'b', 'x-empty': '', 'x-tab': 'a\tb', 'x-latin': 'é' };
    expect(headersToSend(headers, 'it')).toBe(headers);
    expect(headersToSend(undefined, 'it')).toEqual({});
  });

  it.each([{ 'a b': 'x' }, { a: 7 }, { a: 'x\r\ny' }, { a: 'x\0' }, { a: 'Ā' }, ['a'], 'a: b', null])(
    'are refused where they are %o, and their values not shown',
    (headers) => {
      expect(() => headersToSend(headers, 'it')).toThrow(/^it is .*: allowed is an object of header values by name/);
    },
  );
});

describe('PEM', () => {
  it('is a text or bytes, or a list of them where several may be', () => {
    const bytes = new Uint8Array([1]);
    for (const value of [undefined, 'x', bytes]) {
      expect(pem(true)(value, 'it')).toBe(value);
      expect(pems()(value, 'it')).toBe(value);
    }
    const list = ['x', bytes];
    expect(pems()(list, 'it')).toBe(list);
  });

  it.each(['', 7, null, {}, true])('is not %o, and that is not shown', (value) => {
    const refused = 'it is refused (value not shown): allowed is PEM.';
    expect(() => pem(false)(value, 'it')).toThrow(refused);
    expect(() => pems()(value, 'it')).toThrow(refused);
    expect(() => pems()([value], 'it')).toThrow(refused);
    expect(() => pem(false)(['x'], 'it')).toThrow(refused);
  });
});

describe('a thing that options name', () => {
  class Made {
    readonly failures: number;
    constructor(options: { readonly failures?: number } | undefined) {
      this.failures = options?.failures ?? 5;
    }
  }
  const read = named<Made>(
    {
      consecutive_failures: {
        options: fields({ failures: integer(5, 1, 100) }) as never,
        make: (options) => new Made(options),
      },
      other: { options: (value) => value, make: () => new Made({ failures: -1 }) },
    },
    (value) => (value instanceof Made ? value : undefined),
    'a signal',
  );

  it('is named alone or with its options, or made already', () => {
    expect(read('consecutive_failures', 'health').failures).toBe(5);
    expect(read({ consecutive_failures: { failures: 3 } }, 'health').failures).toBe(3);
    expect(read('other', 'health').failures).toBe(-1);
    const made = new Made({});
    expect(read(made, 'health')).toBe(made);
  });

  it.each(['none', 'toString', '', 7, undefined, null, {}, { none: {} }, { consecutive_failures: {}, other: {} }, []])(
    'is refused where it is %o',
    (value) => {
      expect(() => read(value, 'health')).toThrow(
        /^health is .*: allowed is a signal; names are consecutive_failures, other\.$/,
      );
    },
  );

  it('says where its options are wrong', () => {
    expect(() => read({ consecutive_failures: { failures: 0 } }, 'health')).toThrow(
      /^health\.consecutive_failures\.failures is 0/,
    );
  });
});
