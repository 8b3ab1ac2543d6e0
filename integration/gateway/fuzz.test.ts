import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Origin } from './origin.js';
import { gatewayOver, RawClient } from './support.js';

const name = fc.constantFrom(
  'Content-Length',
  'content-length ',
  'Transfer-Encoding',
  'Transfer-Encoding\t',
  'Connection',
  'Host',
  'Expect',
  'Upgrade',
  'TE',
  'X-\x00',
  'X-A',
  '',
);
const value = fc.oneof(
  fc.constantFrom('0', '5', '5,5', '+5', 'chunked', 'Chunked', 'chunked,chunked', 'identity', 'close', '100-continue'),
  fc.constantFrom('websocket', 'h2c', 'keep-alive, content-length', 'h', '\x0b5', '5\r', 'a\rb', '\xff'),
  fc.string({ maxLength: 8, unit: 'binary-ascii' }).filter((text) => !text.includes('\n')),
);
const line = fc.tuple(name, fc.constantFrom(':', ': ', ' : ', ''), value).map((parts) => parts.join(''));
/** `#` is where the number of the request stands. */
const start = fc.constantFrom(
  'GET /# HTTP/1.1',
  'POST /# HTTP/1.1',
  'GET  /# HTTP/1.1',
  'GET /# HTTP/1.0',
  'GET http://h/# HTTP/1.1',
  'DELETE /#/%2e%2e HTTP/1.1',
  'OPTIONS * HTTP/1.1',
  'get /# http/1.1',
  'GET /#\x01 HTTP/1.1',
);
const body = fc.constantFrom(
  '',
  'hello',
  '5\r\nhello\r\n0\r\n\r\n',
  '0\r\n\r\nGET /smuggled/# HTTP/1.1\r\nHost: h\r\n\r\n',
  '5\nhello\n0\n\n',
);

const SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));

it(`sends on each request once, and none that hides in another (FUZZ_SEED=${SEED})`, async () => {
  await using origin = await Origin.of();
  await using running = await gatewayOver([origin.port]);
  // Of those with odd lines one in twenty passes: enough others, whatever the seed, to hide behind.
  const lines = fc.oneof(fc.constant([]), fc.array(line, { maxLength: 4 }), fc.array(line, { maxLength: 4 }));
  const heads = fc.tuple(start, lines, fc.boolean(), body);
  const clients: RawClient[] = [];
  for (const [first, odd, host, rest] of fc.sample(heads, { numRuns: 500, seed: SEED })) {
    const client = await RawClient.to(running.port);
    const head = [first, ...(host ? ['Host: h'] : []), ...odd].join('\r\n');
    client.send(`${head}\r\n\r\n${rest}`.replaceAll('#', String(clients.length)));
    clients.push(client);
  }
  using last = await RawClient.to(running.port);
  expect((await last.send('GET /last HTTP/1.1\r\nHost: h\r\n\r\n').response()).status).toBe(200);
  // What is on its way still comes.
  let before = -1;
  while (origin.bytes.length !== before) {
    before = origin.bytes.length;
    await pause(200);
  }
  const paths = origin.requests.map((request) => request.line.split(' ')[1]!);
  expect(paths.length).toBeGreaterThan(20);
  expect(paths.length).toBe(new Set(paths).size);
  for (const path of paths) {
    const number = /^\/smuggled\/(\d+)$/.exec(path)?.[1];
    if (number === undefined) continue;
    // Behind a request that was whole it is one of its own, and both are answered.
    const { received } = clients[Number(number)]!;
    expect(received.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
  }
  for (const client of clients) client.socket.destroy();
});
