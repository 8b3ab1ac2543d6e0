import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { WireReader, WireType, WireWriter } from '../../src/runtime/wire.js';

/** What the package protobufjs, which nobody here wrote, makes of the same message. */
const { root } = protobuf.parse(`
syntax = "proto3";
message Inner { string name = 1; }
message All { uint64 u = 1; int64 i = 2; bytes b = 3; string s = 4; double d = 5; Inner inner = 16; bool yes = 17; fixed32 f = 18; }
`);
const All = root.lookupType('All');

const read = (bytes: Uint8Array): Record<string, unknown> => {
  const out: Record<string, unknown> = {};
  const reader = new WireReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) out.u = reader.varint();
    else if (reader.field === 2) out.i = reader.int64();
    else if (reader.field === 3) out.b = Buffer.from(reader.bytes()).toString('hex');
    else if (reader.field === 4) out.s = reader.string();
    else if (reader.field === 5) out.d = reader.double();
    else if (reader.field === 16) {
      const inner = new WireReader(reader.bytes());
      while (inner.next()) out.inner = inner.string();
    } else if (reader.field === 17) out.yes = reader.varint() === 1;
  }
  return out;
};

describe('the wire codec', () => {
  it('writes what protobufjs reads, and reads what protobufjs writes, for any values', () => {
    fc.assert(
      fc.property(
        fc.maxSafeNat(),
        fc.maxSafeInteger().map(BigInt),
        fc.uint8Array({ maxLength: 300 }),
        fc.string({ unit: 'binary' }).filter((text) => Buffer.from(text).toString() === text),
        (u, i, b, s) => {
          const bytes = new WireWriter()
            .varint(1, u)
            .varint(2, i)
            .bytes(3, b)
            .bytes(4, s)
            .message(16, new WireWriter().bytes(1, s))
            .bool(17, true)
            .finish();
          const theirs = All.toObject(All.decode(bytes), { longs: String, bytes: String });
          expect(theirs).toMatchObject({ u: String(u), i: String(i), yes: true });
          const again = All.encode(All.decode(bytes)).finish();
          const mine = { u, i, b: Buffer.from(b).toString('hex'), s, yes: true };
          expect(read(bytes)).toMatchObject(mine);
          // proto3 leaves defaults out.
          for (const [name, value] of Object.entries(read(again)))
            if (name !== 'inner') expect({ [name]: value }).toEqual({ [name]: mine[name as 'u'] });
        },
      ),
    );
  });

  it('carries every 64-bit number, as the documentation of protobuf writes them', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (i) => {
        expect(read(new WireWriter().varint(2, i).finish())).toEqual({ i });
      }),
    );
    expect(new WireWriter().varint(2, -2).finish().toString('hex')).toBe('10feffffffffffffffff01');
    expect(new WireWriter().varint(1, 150).finish().toString('hex')).toBe('089601');
  });

  it('skips fields of every wire type whose value is not taken', () => {
    const bytes = All.encode(All.create({ u: 300, s: 'x', d: 1.5, f: 7, yes: true })).finish();
    const reader = new WireReader(bytes);
    const seen: [number, WireType][] = [];
    while (reader.next()) seen.push([reader.field, reader.type]);
    expect(seen).toEqual([
      [1, WireType.Varint],
      [4, WireType.Bytes],
      [5, WireType.Fixed64],
      [17, WireType.Varint],
      [18, WireType.Fixed32],
    ]);
  });

  it('throws a RangeError, and never reads beyond the end or for ever, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          read(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
