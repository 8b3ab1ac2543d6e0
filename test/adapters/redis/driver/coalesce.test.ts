import type { Socket } from 'node:net';
import { Writable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coalesceWrites } from '../../../../adapters/redis/driver/coalesce.js';

/** What a socket would send, one entry per write. */
function recorder(unanswered: () => number = () => 1): { readonly socket: Socket; readonly sent: (string | Buffer)[] } {
  const sent: (string | Buffer)[] = [];
  const socket = new Writable({
    decodeStrings: false,
    highWaterMark: 1_000_000,
    write(chunk, _, done) {
      sent.push(chunk);
      done();
    },
  }) as unknown as Socket;
  coalesceWrites(socket, unanswered);
  return { socket, sent };
}

const nextTick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

describe('what is written to a socket in one tick', () => {
  it('leaves in one write', async () => {
    const { socket, sent } = recorder();
    socket.write('a');
    socket.write('b');
    await Promise.resolve().then(() => socket.write('c'));
    expect(sent).toEqual([]);
    await nextTick();
    expect(sent).toEqual(['abc']);
    socket.write('d');
    await nextTick();
    expect(sent).toEqual(['abc', 'd']);
  });

  it('leaves at once when it is much, so that the server begins', () => {
    const { socket, sent } = recorder();
    for (let i = 0; i < 4_000; i++) socket.write('x'.repeat(100));
    expect(sent.length).toBeGreaterThan(4);
    expect(Math.max(...sent.map(({ length }) => length))).toBeLessThanOrEqual(65_536);
  });

  it('leaves at once where one command at a time is sent and answered, until there are several again', async () => {
    let unanswered = 0;
    const { socket, sent } = recorder(() => unanswered);
    for (let i = 0; i < 4; i++) {
      socket.write(`${i}`);
      expect(sent).toHaveLength(i);
      await nextTick();
    }
    socket.write('4');
    expect(sent).toHaveLength(5);
    unanswered = 1;
    socket.write('5');
    unanswered = 2;
    socket.write('6');
    expect(sent).toHaveLength(5);
    await nextTick();
    expect(sent).toEqual(['0', '1', '2', '3', '4', '56']);
    unanswered = 0;
    socket.write('7');
    expect(sent).toHaveLength(6);
    await nextTick();
    expect(sent).toHaveLength(7);
  });

  it('leaves before an end', async () => {
    const { socket, sent } = recorder();
    socket.write('last');
    socket.end();
    await nextTick();
    expect(sent).toEqual(['last']);
    expect(socket.writableEnded).toBe(true);
  });

  it('keeps its order, whatever is text and whatever is bytes', async () => {
    const text = fc.string();
    const chunk = fc.oneof(
      text,
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      fc.constant('y'.repeat(40_000)),
      fc.constant('ü€💥'),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ weight: 4, arbitrary: fc.tuple(text) }, fc.array(chunk, { maxLength: 5 })), {
          maxLength: 30,
          size: 'max',
        }),
        async (ticks) => {
          let writes = 0;
          // Some ticks begin with all answered, as far as the socket is told.
          const { socket, sent } = recorder(() => writes++ % 3);
          for (const tick of ticks) {
            for (const each of tick) socket.write(each);
            await nextTick();
          }
          const bytes = (each: string | Buffer): Buffer => Buffer.from(each as string);
          expect(Buffer.concat(sent.map(bytes)).equals(Buffer.concat(ticks.flat().map(bytes)))).toBe(true);
        },
      ),
    );
  });

  it('calls back when it has left', async () => {
    const { socket, sent } = recorder();
    socket.write('a');
    await new Promise<void>((resolve) => socket.write('b', () => resolve()));
    expect(sent).toEqual(['a', 'b']);
  });

  it('is dropped when the socket is destroyed', async () => {
    const { socket, sent } = recorder();
    socket.on('error', () => {});
    socket.write('a');
    socket.destroy();
    await nextTick();
    expect(sent).toEqual([]);
  });
});
