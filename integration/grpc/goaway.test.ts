import { promisify } from 'node:util';
import { Metadata, Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { createMesh, type Mesh, staticResolver } from 'fairlead';
import { type GrpcRegistration, registerGrpc } from 'fairlead/grpc';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { EchoClient, sleep, until } from './support.js';

let servers: { server: Server; port: number; calls: number }[];
let mesh: Mesh;
let registration: GrpcRegistration;
let client: EchoClient;

const same = (bytes: Buffer): Buffer => bytes;

beforeEach(async () => {
  servers = await Promise.all(
    ['a', 'b', 'c'].map(async (id) => {
      const server = new Server();
      const each = { server, port: 0, calls: 0 };
      const codec = {
        requestSerialize: same,
        requestDeserialize: same,
        responseSerialize: same,
        responseDeserialize: same,
      };
      server.addService(
        { Unary: { path: '/test.Echo/Unary', requestStream: false, responseStream: false, ...codec } },
        {
          Unary: (_: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
            each.calls++;
            done(null, Buffer.from(JSON.stringify({ id })));
          },
        },
      );
      each.port = await promisify(server.bindAsync.bind(server))('127.0.0.1:0', ServerCredentials.createInsecure());
      return each;
    }),
  );
  mesh = createMesh({
    resolver: staticResolver({ echo: servers.map(({ port }) => `127.0.0.1:${port}`) }),
    services: { echo: { policy: 'round_robin' } },
  });
  registration = registerGrpc(mesh);
  client = new EchoClient('fairlead:///echo');
  const seen = new Set<string>();
  await until(async () => seen.add((await client.unary()).id).size === 3, 'all are connected');
});
afterEach(async () => {
  client.close();
  registration.close();
  await mesh.close({ deadlineMs: 100 });
  for (const { server } of servers) server.forceShutdown();
});

const calls = (): number => servers.reduce((sum, each) => sum + each.calls, 0);
const endpoints = () => mesh.service('echo').endpoints;

it('a server that says GOAWAY in good order loses no call and stays in rotation', async () => {
  const errors: string[] = [];
  const running: Promise<unknown>[] = [];
  for (let round = 0; round < 40; round++) {
    for (let i = 0; i < 10; i++) running.push(client.unary().catch((error) => errors.push(String(error))));
    if (round % 10 === 5) servers[0]!.server.drain(`127.0.0.1:${servers[0]!.port}`, 5_000);
    await sleep(1);
  }
  await Promise.all(running);
  expect(errors).toEqual([]);
  expect(endpoints().map(({ failures }) => failures)).toEqual([0, 0, 0]);
  expect(endpoints().map(({ state }) => state)).toEqual(['ready', 'ready', 'ready']);
});

it('a server may say GOAWAY to a burst of calls, and no call fails or is made twice', async () => {
  const before = calls();
  const running = Array.from({ length: 400 }, () => client.unary({}, new Metadata()).catch(String));
  servers[0]!.server.drain(`127.0.0.1:${servers[0]!.port}`, 5_000);
  const answers = await Promise.all(running);
  expect(answers.filter((each) => typeof each === 'string')).toEqual([]);
  expect(calls() - before).toBe(400);
  expect(endpoints().map(({ failures }) => failures)).toEqual([0, 0, 0]);
});

it('all servers may say GOAWAY to a burst of calls, and no call fails or is made twice', async () => {
  for (let round = 0; round < 3; round++) {
    const before = calls();
    const running = Array.from({ length: 400 }, () => client.unary({}, new Metadata()).catch(String));
    for (const { server, port } of servers) server.drain(`127.0.0.1:${port}`, 5_000);
    const answers = await Promise.all(running);
    expect(answers.filter((each) => typeof each === 'string')).toEqual([]);
    expect(calls() - before).toBe(400);
  }
  expect(endpoints().map(({ failures }) => failures)).toEqual([0, 0, 0]);
});
