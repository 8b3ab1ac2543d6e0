import { once } from 'node:events';
import { constants } from 'node:http2';
import { setTimeout as pause } from 'node:timers/promises';
import type { Mesh } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { inflight, saysWho } from '../http/support.js';
import { eventually, Http2Client } from './http2-support.js';
import { Origin } from './origin.js';
import { gatewayOver, RawClient } from './support.js';

const { NGHTTP2_CANCEL } = constants;
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/** A frame: RFC 9113, 4.1. */
function frame(type: number, flags: number, stream: number, payload: Buffer | string = ''): Buffer {
  const body = Buffer.from(payload as string, 'latin1');
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, body]);
}

const [HEADERS, RST_STREAM, SETTINGS, PING, CONTINUATION] = [1, 3, 4, 6, 9];
const [END_STREAM, END_HEADERS] = [1, 4];
/** GET / over http, by the static table of RFC 7541, and `:authority: h`. */
const GET = Buffer.from([0x82, 0x84, 0x86, 0x41, 0x01, 0x68]);

async function begun(port: number): Promise<RawClient> {
  const client = await RawClient.to(port);
  return client.send(PREFACE).send(frame(SETTINGS!, 0, 0).toString('latin1'));
}

const figure = (mesh: Mesh, name: string): number => {
  for (const { kind, figures } of mesh.parts) if (kind === 'gateway') return figures?.()[name] ?? 0;
  return -1;
};

describe('a client of HTTP/2 that floods', () => {
  it('CVE-2023-44487: with requests that it takes back at once loses its connection', async () => {
    await using origin = await Origin.of(() => {});
    await using running = await gatewayOver([origin.port], { http2: { resetsPerSecond: 1 } });
    using client = await begun(running.port);
    let bytes = Buffer.alloc(0);
    for (let i = 0; i < 100; i++) {
      const id = 2 * i + 1;
      const reset = frame(RST_STREAM!, 0, id, '\0\0\0\x08');
      bytes = Buffer.concat([bytes, frame(HEADERS!, END_STREAM! | END_HEADERS!, id, GET), reset]);
    }
    client.send(bytes.toString('latin1'));
    await client.end();
    expect(figure(running.mesh, 'http2.floods')).toBe(1);
    expect(origin.requests.length).toBeLessThanOrEqual(20);
    await eventually(() => inflight(running.mesh) === 0, 'no lease');
    await using other = new Http2Client(running.url);
    const late = other.stream({}, true);
    await pause(20);
    expect(late.closed).toBe(false);
  });

  it('does not count requests that were answered, or a few that are taken back', async () => {
    await using a = await saysWho('a');
    await using running = await gatewayOver([a.port], { http2: { resetsPerSecond: 1 } });
    await using client = new Http2Client(running.url);
    for (let i = 0; i < 30; i++) expect((await client.ask()).status).toBe(200);
    for (let i = 0; i < 5; i++) client.stream({}).close(NGHTTP2_CANCEL);
    expect((await client.ask()).status).toBe(200);
    expect(figure(running.mesh, 'http2.floods')).toBe(0);
  });

  it.each([
    ['CVE-2019-9512: with PING', frame(PING!, 0, 0, '12345678')],
    ['CVE-2019-9515: with SETTINGS', frame(SETTINGS!, 0, 0)],
  ])('%s loses its connection', async (_, one) => {
    await using origin = await Origin.of();
    await using running = await gatewayOver([origin.port], { http2: { controlFramesPerSecond: 1 } });
    using client = await begun(running.port);
    client.send(Buffer.concat(Array.from({ length: 200 }, () => one)).toString('latin1'));
    await client.end();
    expect(figure(running.mesh, 'http2.floods')).toBe(1);
  });

  it('CVE-2024-27983: with CONTINUATION loses its connection', async () => {
    await using origin = await Origin.of();
    await using running = await gatewayOver([origin.port]);
    using client = await begun(running.port);
    client.send(frame(HEADERS!, END_STREAM!, 1, GET).toString('latin1'));
    // A header without end, of the most that a frame takes.
    const more = Buffer.concat([Buffer.from([0x40, 0x01, 0x61, 0x7f, 0x81, 0x7f]), Buffer.alloc(16_000, 0x61)]);
    for (let i = 0; i < 200 && !client.closed; i++) {
      client.send(frame(CONTINUATION!, 0, 1, more).toString('latin1'));
      if (i % 20 === 0) await pause(5);
    }
    await client.end();
    expect(origin.requests).toEqual([]);
  });

  it('RFC 6585, 5: with headers beyond the limit hears 431, and its other requests are answered', async () => {
    await using origin = await Origin.of();
    await using running = await gatewayOver([origin.port], { maxHeaderBytes: 2_000 });
    await using client = new Http2Client(running.url);
    expect((await client.ask({ 'x-long': 'x'.repeat(5_000) })).status).toBe(431);
    expect(origin.requests).toEqual([]);
    expect((await client.ask()).status).toBe(200);
  });

  it('with more requests at once than it may has the others refused', async () => {
    await using origin = await Origin.of(() => {});
    await using running = await gatewayOver([origin.port], { http2: { maxStreams: 3 } });
    using client = await begun(running.port);
    await client.until((text) => text.includes('\x04\x01\0\0\0\0'));
    for (let i = 0; i < 6; i++) {
      client.send(frame(HEADERS!, END_STREAM! | END_HEADERS!, 2 * i + 1, GET).toString('latin1'));
    }
    await origin.until(({ requests }) => requests.length === 3);
    await pause(50);
    expect(origin.requests).toHaveLength(3);
  });

  it('that takes nothing of a response loses it', async () => {
    const body = 'x'.repeat(1_000_000);
    await using origin = await Origin.of(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    await using running = await gatewayOver([origin.port], { http2: { stalledMs: 200 } });
    await using client = new Http2Client(running.url);
    const stream = client.stream({}, true);
    await once(stream, 'response');
    await eventually(() => figure(running.mesh, 'http2.stalled') === 1, 'its end');
    await eventually(() => inflight(running.mesh) === 0, 'no lease');
  });

  it('RFC 9113, 8.2.1 and 8.2.2: with headers of a connection, upper case or line breaks smuggles none of them', async () => {
    await using origin = await Origin.of();
    await using running = await gatewayOver([origin.port]);
    const literal = (name: string, value: string): Buffer => {
      const text = (part: string): Buffer => Buffer.concat([Buffer.from([part.length]), Buffer.from(part)]);
      return Buffer.concat([Buffer.from([0x00]), text(name), text(value)]);
    };
    const wrong = [
      literal('connection', 'close'),
      literal('transfer-encoding', 'chunked'),
      literal('te', 'gzip'),
      literal('X-Upper', 'a'),
      literal('x-line', 'a\r\nx-smuggled: c'),
      literal('x-name: a\r\nx-smuggled', 'c'),
    ];
    for (const header of wrong) {
      using client = await begun(running.port);
      client.send(frame(HEADERS!, END_STREAM! | END_HEADERS!, 1, Buffer.concat([GET, header])).toString('latin1'));
      // RST_STREAM of stream 1, or HEADERS of it: node:http2 drops some, and refuses others.
      const hex = (text: string): string => Buffer.from(text, 'latin1').toString('hex');
      await client.until((text) => hex(text).includes('030000000001') || hex(text).includes('010400000001'));
    }
    expect(origin.bytes).not.toMatch(/smuggled|x-upper|chunked|gzip|connection: close/i);
    for (const { body } of origin.requests) expect(body).toBe('');
  });
});
