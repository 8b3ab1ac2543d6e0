import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { closeFrame, FrameBoundary } from '../../../../adapters/gateway/forward/websocket-frames.js';

/** A frame of RFC 6455, 5.2, of so many bytes. */
function frame(length: number, masked: boolean): Buffer {
  const bit = masked ? 0x80 : 0;
  const head =
    length < 126
      ? Buffer.from([0x82, bit | length])
      : length < 65_536
        ? Buffer.from([0x82, bit | 126, length >> 8, length & 255])
        : Buffer.concat([
            Buffer.from([0x82, bit | 127, 0, 0, 0, 0]),
            Buffer.from([0, length >> 16, (length >> 8) & 255, length & 255]),
          ]);
  return Buffer.concat([head, Buffer.alloc((masked ? 4 : 0) + length, 0xff)]);
}

const frames = fc.array(
  fc.tuple(fc.oneof(fc.nat(130), fc.constantFrom(0, 125, 126, 127, 65_535, 65_536, 70_000)), fc.boolean()),
  { minLength: 1, maxLength: 6 },
);
const cuts = fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 60 });

describe('the boundary of frames', () => {
  it('RFC 6455, 5.2: is where each frame ends, in whatever pieces they come', () => {
    fc.assert(
      fc.property(frames, cuts, (list, sizes) => {
        const made = list.map(([length, masked]) => frame(length, masked));
        const bytes = Buffer.concat(made);
        const ends = new Set<number>([0]);
        let sum = 0;
        for (const { length } of made) {
          sum += length;
          ends.add(sum);
        }
        const boundary = new FrameBoundary();
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const next = Math.min(bytes.length, at + sizes[i % sizes.length]!);
          boundary.pass(bytes.subarray(at, next));
          at = next;
          expect(boundary.between).toBe(ends.has(at));
        }
      }),
      { numRuns: 200 },
    );
  });

  it('is found within what comes, where a frame is under way', () => {
    fc.assert(
      fc.property(frames, fc.nat(200_000), (list, where) => {
        const made = list.map(([length, masked]) => frame(length, masked));
        const bytes = Buffer.concat(made);
        const cut = where % bytes.length;
        const boundary = new FrameBoundary();
        boundary.pass(bytes.subarray(0, cut));
        let end = 0;
        for (const { length } of made) if (end < cut) end += length;
        expect(boundary.end(bytes.subarray(cut, end - 1))).toBe(end > cut ? -1 : 0);
        expect(boundary.end(bytes.subarray(Math.max(cut, end - 1)))).toBe(end > cut ? 1 : 0);
      }),
    );
  });
});

describe('a close frame', () => {
  it('RFC 6455, 5.5.1 and 7.4.1: says 1001, masked where a client says it', () => {
    expect([...closeFrame()]).toEqual([0x88, 2, 0x03, 0xe9]);
    expect([...closeFrame(Buffer.from([1, 2, 3, 4]))]).toEqual([0x88, 0x82, 1, 2, 3, 4, 0x03 ^ 1, 0xe9 ^ 2]);
  });
});
