import { constants } from 'node:http2';
import { setTimeout as pause } from 'node:timers/promises';
import { type ClientDuplexStream, Metadata, status } from '@grpc/grpc-js';
import type { AccessEntry, GatewayOptions } from 'fairlead/gateway';
import { afterEach, describe, expect, it } from 'vitest';
import { EchoClient, Load, startServers, type TestServer, tally, until } from '../grpc/support.js';
import { inflight, refusingPort } from '../http/support.js';
import { Http2Client, Http2Origin } from './http2-support.js';
import { gatewayOver, type Running } from './support.js';

let servers: TestServer[] = [];
let running: Running | undefined;
let client: EchoClient | undefined;
afterEach(async () => {
  client?.close();
  await running?.[Symbol.asyncDispose]();
  await Promise.all(servers.map((server) => server.stop()));
  servers = [];
});

async function connected(ports: readonly number[], options: Partial<GatewayOptions> = {}): Promise<EchoClient> {
  running = await gatewayOver(ports, options, { policy: 'round_robin' });
  client = new EchoClient(`127.0.0.1:${running.port}`);
  return client;
}

async function setUp(count: number, options: Partial<GatewayOptions> = {}): Promise<EchoClient> {
  servers = await startServers(count);
  return connected(
    servers.map(({ port }) => port),
    options,
  );
}

const noLeases = (): Promise<void> => until(() => inflight(running!.mesh) === 0, 'no lease');

/** Ends a call as a server of gRPC does. */
const GRPC = { ':status': 200, 'content-type': 'application/grpc' };
const HEADERS = { ':method': 'POST', ':path': '/test.Echo/Unary', 'content-type': 'application/grpc', te: 'trailers' };
const MESSAGE = Buffer.from([0, 0, 0, 0, 0]);

describe('gRPC through the gateway', () => {
  it('carries calls of all four kinds, each to an endpoint of its own', async () => {
    const echo = await setUp(2);
    const answers = [];
    for (let i = 0; i < 4; i++) answers.push(await echo.unary());
    expect(tally(answers)).toEqual({ a: 2, b: 2 });
    expect(answers[0]!.authority).toBe(`127.0.0.1:${running!.port}`);
    expect((await echo.serverStream({ count: 5 })).map(({ n }) => n)).toEqual([0, 1, 2, 3, 4]);
    expect(await echo.clientStream([{}, {}, {}])).toMatchObject({ count: 3 });
    expect((await echo.bidi([{ x: 1 }, { x: 2 }])).map(({ echo: said }) => said)).toEqual([{ x: 1 }, { x: 2 }]);
    await noLeases();
  });

  it('passes on the status, the message and the trailers of a call', async () => {
    const entries: AccessEntry[] = [];
    const echo = await setUp(1, { accessLog: (entry) => void entries.push(entry) });
    servers[0]!.set({ load: [10, 0.5] });
    const trailers = await new Promise<Metadata>((resolve, reject) => {
      const call = echo.makeUnaryRequest(
        '/test.Echo/Unary',
        (value: object) => Buffer.from(JSON.stringify(value)),
        (bytes) => bytes,
        {},
        new Metadata(),
        (error) => error && reject(error),
      );
      call.on('status', ({ metadata }) => resolve(metadata));
    });
    expect(trailers.get('endpoint-load-metrics-bin')).toHaveLength(1);
    const failed = echo.unary({ code: status.NOT_FOUND });
    await expect(failed).rejects.toMatchObject({ code: status.NOT_FOUND, details: 'told to answer 5' });
    await until(() => entries.length === 2, 'two lines in the log');
    expect(entries.map(({ status: http, grpcStatus }) => [http, grpcStatus])).toEqual([
      [200, status.OK],
      [200, status.NOT_FOUND],
    ]);
    expect(entries[0]).toMatchObject({ path: '/test.Echo/Unary', protocol: 'HTTP/2.0', endpoint: 'e0' });
  });

  it('both directions of a call are open at once', async () => {
    const echo = await setUp(1);
    const json = (value: object): Buffer => Buffer.from(JSON.stringify(value));
    const call: ClientDuplexStream<object, { echo: unknown }> = echo.makeBidiStreamRequest(
      '/test.Echo/Bidi',
      json,
      (bytes) => JSON.parse(bytes.toString()),
      new Metadata(),
    );
    const heard: unknown[] = [];
    call.on('data', ({ echo: said }) => heard.push(said));
    for (let i = 0; i < 3; i++) {
      call.write({ i });
      await until(() => heard.length === i + 1, `the answer to ${i}`);
    }
    call.end();
    await noLeases();
    expect(heard).toEqual([{ i: 0 }, { i: 1 }, { i: 2 }]);
  });

  it('carries messages of some megabytes, whole', async () => {
    const echo = await setUp(1);
    const text = 'x'.repeat(3_000_000);
    const [answer] = await echo.bidi([{ text }]);
    expect((answer!.echo as { text: string }).text).toBe(text);
  });

  it('keeps the deadline of the client, and tells the server what is left of it', async () => {
    const told: string[] = [];
    let code: number | undefined;
    await using silent = await Http2Origin.of((stream, headers) => {
      told.push(String(headers['grpc-timeout']));
      stream.resume().on('close', () => {
        code = stream.rstCode;
      });
    });
    await connected([silent.port]);
    await using raw = new Http2Client(running!.url);
    const reply = await raw.ask({ ...HEADERS, 'grpc-timeout': '150m' }, MESSAGE);
    expect(reply.headers).toMatchObject({ ':status': 200, 'grpc-status': '4', 'content-type': 'application/grpc' });
    const left = Number(/^(\d+)u$/.exec(told[0]!)?.[1]) / 1_000;
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(150);
    await until(() => code !== undefined, 'the reset');
    expect(code).toBe(constants.NGHTTP2_CANCEL);
    await noLeases();
  });

  it('a deadline that passes within a response ends it in trailers', async () => {
    await using half = await Http2Origin.of((stream) => {
      stream.respond(GRPC, { waitForTrailers: true });
      stream.write(MESSAGE);
    });
    await connected([half.port]);
    await using raw = new Http2Client(running!.url);
    const reply = await raw.ask({ ...HEADERS, 'grpc-timeout': '100m' }, MESSAGE);
    expect(reply).toMatchObject({ status: 200, body: '\0\0\0\0\0', trailers: { 'grpc-status': '4' }, code: 0 });
    await noLeases();
  });

  it('a call that its client cancels is cancelled at the server', async () => {
    const echo = await setUp(1);
    const call = echo.makeServerStreamRequest(
      '/test.Echo/Server',
      (value: object) => Buffer.from(JSON.stringify(value)),
      (bytes) => bytes,
      { count: 1_000_000, everyMs: 5 },
      new Metadata(),
    );
    call.on('error', () => {});
    call.once('data', () => call.cancel());
    await until(async () => (await servers[0]!.counts()).streams === 0, 'no stream at the server');
    await noLeases();
  });

  it('a status without a response is one of headers alone', async () => {
    await using origin = await Http2Origin.of((stream) => {
      stream.respond({ ...GRPC, 'grpc-status': '7', 'grpc-message': 'no' }, { endStream: true });
    });
    await connected([origin.port]);
    await using raw = new Http2Client(running!.url);
    const stream = raw.stream(HEADERS);
    stream.end(MESSAGE);
    const flags = await new Promise<number>((resolve) => stream.once('response', (_, each) => resolve(each)));
    expect(flags & constants.NGHTTP2_FLAG_END_STREAM).not.toBe(0);
  });

  it('says itself in statuses of gRPC what it refuses', async () => {
    await using silent = await Http2Origin.of(() => {});
    const match = (path: string) => ({ path: `/test.${path}/*` });
    const routes = [
      { match: match('None'), service: 'users', subset: { version: '9' } },
      { match: match('Limited'), service: 'users', rateLimit: { requests: 1 }, timeouts: { responseMs: 50 } },
      { match: match('Full'), service: 'users', maxInflight: 1, timeouts: { responseMs: 200 } },
      { match: match('Long'), service: 'users', maxBodyBytes: 100 },
    ];
    await connected([silent.port], { routes });
    await using raw = new Http2Client(running!.url);
    const code = async (path: string, body = MESSAGE): Promise<string | undefined> => {
      const { headers } = await raw.ask({ ...HEADERS, ':path': `/test.${path}/X`, 'grpc-timeout': '5S' }, body);
      return `${headers[':status']} ${headers['grpc-status']}`;
    };
    expect(await code('Other')).toBe('200 12');
    expect(await code('None')).toBe('200 14');
    const first = code('Full');
    await pause(50);
    expect(await code('Full')).toBe('200 8');
    expect(await first).toBe('200 4');
    expect([await code('Limited'), await code('Limited')]).toEqual(['200 4', '200 8']);
    expect(await code('Long', Buffer.alloc(1_000))).toBe('200 8');
    await noLeases();
  });

  it('an endpoint that refuses connections costs no call', async () => {
    servers = await startServers(1);
    const echo = await connected([await refusingPort(), servers[0]!.port]);
    for (let i = 0; i < 10; i++) expect((await echo.unary()).id).toBe('a');
  });

  it('a server that drains costs no call', async () => {
    const echo = await setUp(2);
    await using load = new Load(() => echo.unary(), 10);
    await until(() => load.ok > 100, 'a hundred calls');
    await servers[0]!.stop('drain');
    const before = load.ok;
    await until(() => load.ok > before + 100, 'a hundred more');
    await load.stop();
    expect(load.errors.length, load.summary).toBe(0);
    await noLeases();
  });

  it('a server that is killed costs the calls that were on it, with UNAVAILABLE, and no other', async () => {
    const echo = await setUp(2);
    await using load = new Load(() => echo.unary({ delayMs: 5 }), 10);
    await until(() => load.ok > 100, 'a hundred calls');
    await servers[0]!.stop();
    const before = load.ok;
    await until(() => load.ok > before + 200, 'two hundred more');
    await load.stop();
    expect(load.errors.length, load.summary).toBeLessThanOrEqual(10);
    expect(new Set(load.errors.map(({ code }) => code)).size, load.summary).toBeLessThanOrEqual(1);
    for (const { code } of load.errors) expect(code).toBe(status.UNAVAILABLE);
    await noLeases();
  });

  it('a call that a server resets has the status of its code', async () => {
    const codes = [
      [constants.NGHTTP2_INTERNAL_ERROR, '13'],
      [constants.NGHTTP2_CANCEL, '1'],
      [constants.NGHTTP2_ENHANCE_YOUR_CALM, '8'],
    ] as const;
    let at = 0;
    await using origin = await Http2Origin.of((stream) => stream.close(codes[at++]![0]));
    await connected([origin.port]);
    await using raw = new Http2Client(running!.url);
    for (const [, code] of codes) expect((await raw.ask(HEADERS, MESSAGE)).headers['grpc-status']).toBe(code);
  });

  it('a client that does not read holds up its server, and no other call', async () => {
    const echo = await setUp(1);
    await using raw = new Http2Client(running!.url);
    const body = Buffer.from(JSON.stringify({ count: 20_000 }));
    const head = Buffer.alloc(5);
    head.writeUInt32BE(body.length, 1);
    const stalled = raw.stream({ ...HEADERS, ':path': '/test.Echo/Server' });
    stalled.end(Buffer.concat([head, body]));
    await pause(300);
    expect((await echo.unary()).id).toBe('a');
    expect(inflight(running!.mesh)).toBe(1);
    stalled.close(constants.NGHTTP2_CANCEL);
    await noLeases();
  });
});
