import { describe, expect, it } from 'vitest';
import { parseIp } from '../../src/runtime/ip-address.js';
import { fields, positive, readOptions } from '../../src/runtime/options.js';
import { WireReader, WireWriter } from '../../src/runtime/wire.js';

describe('a number above 0', () => {
  it('is the fallback, or any up to the greatest', () => {
    const read = positive(0.2, 1);
    expect([read(undefined, 'it'), read(1, 'it'), read(1e-9, 'it')]).toEqual([0.2, 1, 1e-9]);
  });

  it.each([0, -1, 1.001, Number.NaN, Number.POSITIVE_INFINITY, '0.5', null, true])('is not %o', (value) => {
    expect(() => positive(0.2, 1)(value, 'it')).toThrow(/^it is .*: allowed is a number above 0 to 1\.$/);
  });
});

describe('options without any', () => {
  it('are an object with nothing in it', () => {
    expect(readOptions('it', {}, {})).toEqual({});
    expect(() => readOptions('it', 7, {})).toThrow('it is 7: allowed is an object with nothing in it.');
    expect(() => fields({})({ a: 1 }, 'it')).toThrow('it.a is not an option: there are none.');
  });
});

describe('bytes that are no message', () => {
  const next = (...bytes: number[]): (() => unknown) => {
    const reader = new WireReader(Uint8Array.from(bytes));
    return () => reader.next();
  };

  it.each([
    ['the field 0', [0x00], 0],
    ['a group', [0x0b], 11],
    ['the end of a group', [0x0c], 12],
    ['a wire type that there is not', [0x0e], 14],
  ])('have %s, which is refused by tag and byte', (_what, bytes, tag) => {
    expect(next(...bytes)).toThrow(new RangeError(`not a protobuf message: tag ${tag} at byte 1`));
  });

  it.each([0x08, 0x09, 0x0a, 0x0d])('do not begin with tag %i', (tag) => {
    expect(next(tag)()).toBe(true);
  });

  it('have a varint of more than ten bytes, which none of its readers takes', () => {
    const long = [0x08, ...Array<number>(10).fill(0xff), 0x01];
    const refused = 'not a protobuf message: a varint of more than 10 bytes';
    for (const take of [
      (it: WireReader) => it.varint(),
      (it: WireReader) => it.int64(),
      (it: WireReader) => it.next(),
    ]) {
      const reader = new WireReader(Uint8Array.from(long));
      reader.next();
      expect(() => take(reader)).toThrow(refused);
    }
    const ten = new WireReader(Uint8Array.from([0x08, ...Array<number>(9).fill(0xff), 0x01]));
    ten.next();
    expect(ten.int64()).toBe(-1n);
  });

  it('have another type than is taken', () => {
    const reader = new WireReader(new WireWriter().varint(7, 1).finish());
    reader.next();
    expect(() => reader.bytes()).toThrow('not the expected protobuf message: field 7 has wire type 0');
    reader.varint();
    expect(() => reader.varint()).toThrow('not the expected protobuf message: field 7 has wire type 0');
  });
});

describe('the text of an address', () => {
  const bytes = new Uint8Array(16);

  it.each<[string, number]>([
    ['10.0.0.1:4', 4],
    ['10.0.0.1:44444', 4],
    ['10.0.0.1:444444', 0],
    ['10.0.0.1:', 0],
    ['10.0.0.1:4x', 0],
    ['[::1]', 16],
    ['[::1]:4', 16],
    ['[::1]4', 0],
    ['[::1].443', 0],
    ['[::1', 0],
    ['[10.0.0.1]', 0],
    ['fe80::1%eth0', 16],
    ['fe80::1%', 0],
    ['[fe80::1%eth0]:80', 16],
    ['[fe80::1%]:80', 0],
    ['[fe80::1]%80', 0],
    ['', 0],
    [`fe80::1%${'a'.repeat(1_000)}`, 0],
  ])('%j has %i bytes', (text, length) => {
    expect(parseIp(text, bytes)).toBe(length);
  });
});
