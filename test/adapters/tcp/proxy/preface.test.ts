import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { ManualClock } from 'fairlead/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Preface, PrefaceReader } from '../../../../adapters/tcp/proxy/preface.js';
import { proxyHeaderV1, proxyHeaderV2 } from '../../../../adapters/tcp/wire/write-proxy-header.js';
import { helloMessage, inRecords, nameExtension } from '../wire/hello-bytes.js';

const TIMEOUT_MS = 3_000;
const HELLO = inRecords(helloMessage(nameExtension('a.test')), 50);
const ADDRESSES = { source: { address: '10.0.0.1', port: 1 }, destination: { address: '10.0.0.2', port: 2 } };

function scene({ proxyHeader = false, hello = false }) {
  const clock = new ManualClock(0);
  const socket = new PassThrough();
  const ends: { error: Error | undefined; preface: Preface | undefined }[] = [];
  const reader = new PrefaceReader(
    clock,
    socket as unknown as Socket,
    { proxyHeader, hello, timeoutMs: TIMEOUT_MS },
    (error, preface) => void ends.push({ error, preface }),
  );
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const say = async (...chunks: readonly Uint8Array[]): Promise<void> => {
    for (const chunk of chunks) {
      socket.write(chunk);
      await settle();
    }
  };
  const late = async (): Promise<void> => {
    clock.advance(TIMEOUT_MS);
    clock.advance(0);
    await settle();
  };
  return { socket, ends, reader, say, settle, late };
}

describe('the beginning of a connection', () => {
  it('is read in whatever pieces it comes, and the rest is kept as it was', async () => {
    const header = fc.constantFrom(proxyHeaderV1(ADDRESSES), proxyHeaderV2(ADDRESSES));
    const cuts = fc.array(fc.nat(400), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(header, cuts, fc.uint8Array({ maxLength: 100 }), async (proxy, at, after) => {
        const { ends, say, socket } = scene({ proxyHeader: true, hello: true });
        const own = Buffer.concat([HELLO, after]);
        const all = Buffer.concat([proxy, own]);
        const edges = [...new Set([0, ...at.map((each) => each % all.length), all.length])].sort((a, b) => a - b);
        await say(...edges.slice(1).map((end, i) => all.subarray(edges[i], end)));
        expect(ends).toHaveLength(1);
        expect(ends[0]!.error).toBeUndefined();
        expect(ends[0]!.preface).toMatchObject({ addresses: ADDRESSES, hello: { serverName: 'a.test' } });
        expect(socket.isPaused()).toBe(true);
        const unread = (socket.read() as Buffer | null) ?? Buffer.alloc(0);
        expect(Buffer.concat([ends[0]!.preface!.rest, unread])).toEqual(own);
      }),
      { numRuns: 50 },
    );
  });

  it('is refused where a header that must be there is none', async () => {
    const { ends, say } = scene({ proxyHeader: true });
    await say(Buffer.from('GET / HTTP/1.1\r\n'));
    expect(ends).toMatchObject([{ error: { message: expect.stringMatching(/no PROXY header/) } }]);
  });

  it('that is no TLS is passed on at once, as it is', async () => {
    const { ends, say } = scene({ hello: true });
    await say(Buffer.from('SSH-2.0'));
    expect(ends).toEqual([
      { error: undefined, preface: { addresses: undefined, hello: undefined, rest: Buffer.from('SSH-2.0') } },
    ]);
  });

  it('is not read beyond 16 KiB for a ClientHello', async () => {
    const { ends, say } = scene({ hello: true });
    const endless = inRecords(Buffer.concat([Buffer.from([1, 1, 0, 0]), Buffer.alloc(40_000)]), 4_000);
    let given = 0;
    for (; ends.length === 0; given += 1_000) await say(endless.subarray(given, given + 1_000));
    expect(given).toBeLessThanOrEqual(17_000);
    expect(ends[0]!.preface).toMatchObject({ hello: undefined, rest: endless.subarray(0, given) });
  });

  it('has a time: a client that said nothing may wait for the server, one in mid-word may not', async () => {
    const silent = scene({ hello: true });
    await silent.late();
    expect(silent.ends).toMatchObject([{ error: undefined, preface: { hello: undefined, rest: Buffer.alloc(0) } }]);
    const announced = scene({ proxyHeader: true, hello: true });
    await announced.say(proxyHeaderV1(ADDRESSES));
    await announced.late();
    expect(announced.ends).toMatchObject([{ error: undefined, preface: { addresses: ADDRESSES } }]);
    const slow = scene({ hello: true });
    await slow.say(HELLO.subarray(0, 20));
    await slow.late();
    expect(slow.ends).toMatchObject([{ error: { message: expect.stringMatching(/within 3000 ms/) } }]);
    const unannounced = scene({ proxyHeader: true });
    await unannounced.late();
    expect(unannounced.ends[0]!.error).toBeDefined();
  });

  it('of a client that leaves without a word is nothing, in mid-word an error', async () => {
    const gone = scene({ proxyHeader: true, hello: true });
    gone.socket.end();
    await gone.settle();
    expect(gone.ends).toEqual([{ error: undefined, preface: undefined }]);
    const cut = scene({ hello: true });
    await cut.say(HELLO.subarray(0, 20));
    cut.socket.end();
    await cut.settle();
    expect(cut.ends).toMatchObject([{ error: { message: expect.stringMatching(/before its beginning was whole/) } }]);
  });

  it('is not told of when it was cancelled', async () => {
    const { ends, reader, say, late } = scene({ hello: true });
    reader.cancel();
    await say(HELLO);
    await late();
    expect(ends).toEqual([]);
  });
});
