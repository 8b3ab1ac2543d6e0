import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeLease,
  decodePage,
  decodeToken,
  decodeWatchMessage,
  encodeGrant,
  encodePageRequest,
  encodeProgressRequest,
  encodePut,
  encodeWatchCreate,
} from '../../../src/discovery/etcd/messages.js';
import { WireWriter } from '../../../src/runtime/wire.js';

const header = new WireWriter().varint(1, 7).varint(2, 8).varint(3, 42).varint(4, 9);
const entry = (key: string, value: string): WireWriter =>
  new WireWriter().bytes(1, key).varint(2, 3).varint(3, 5).varint(4, 1).bytes(5, value).varint(6, 99);

describe('messages to etcd', () => {
  it('are the bytes that its own client sends', () => {
    const range = { key: 'a/', prefix: true };
    const hex = (bytes: Buffer): string => bytes.toString('hex');
    expect(hex(encodePageRequest({ ...range, after: '', limit: 10, revision: 0n }))).toBe('0a02612f120261301' + '80a');
    expect(hex(encodePageRequest({ ...range, after: 'a/b', limit: 10, revision: 300n }))).toBe(
      '0a04612f620012026130180a20ac02',
    );
    expect(hex(encodePut('k', 'v', 5n))).toBe('0a016b1201761805');
    expect(hex(encodeWatchCreate(range, 6n))).toBe('0a0e0a02612f120261301806200' + '14001');
    expect(hex(encodeProgressRequest())).toBe('1a00');
    expect(hex(encodeGrant(15))).toBe('080f');
  });

  it('end a prefix at its last byte grown by one, or at the end of all keys', () => {
    const endOf = (key: string): string =>
      encodePageRequest({ key, prefix: true, after: '', limit: 0, revision: 0n }).toString('latin1');
    expect(endOf('users/')).toContain('\x12\x06users0');
    expect(endOf('')).toContain('\x12\x01\x00');
  });
});

describe('messages from etcd', () => {
  it('are read, whatever fields are added to them', () => {
    const page = new WireWriter()
      .message(1, header)
      .message(2, entry('a/b', 'x'))
      .bool(3, true)
      .varint(4, 2)
      .varint(77, 1);
    expect(decodePage(page.finish())).toEqual({
      header: { clusterId: 7n, revision: 42n },
      entries: [{ key: 'a/b', value: 'x', modRevision: 5n, lease: 99n }],
      more: true,
    });
    const put = new WireWriter().message(2, entry('a', '1'));
    const deleted = new WireWriter().varint(1, 1).message(2, entry('b', ''));
    const watch = new WireWriter().message(1, header).bool(7, true).message(11, put).message(11, deleted);
    expect(decodeWatchMessage(watch.finish())).toMatchObject({
      ...{ created: false, canceled: false, fragment: true },
      events: [
        { deleted: false, entry: { key: 'a', value: '1' } },
        { deleted: true, entry: { key: 'b' } },
      ],
    });
    const canceled = new WireWriter().bool(3, true).bool(4, true).varint(5, 12).bytes(6, 'why');
    expect(decodeWatchMessage(canceled.finish())).toMatchObject({
      ...{ created: true, canceled: true, compactRevision: 12n, reason: 'why' },
    });
    // A lease id uses all 63 bits.
    expect(
      decodeLease(
        new WireWriter()
          .varint(2, 2n ** 62n + 1n)
          .varint(3, 15)
          .finish(),
      ),
    ).toEqual({
      lease: 2n ** 62n + 1n,
      ttlSeconds: 15,
    });
    expect(decodeLease(new WireWriter().varint(2, 5).finish()).ttlSeconds).toBe(0);
  });

  it('are refused with a RangeError where they are something else, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const decode of [decodePage, decodeWatchMessage, decodeLease, decodeToken]) {
          try {
            decode(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(RangeError);
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
