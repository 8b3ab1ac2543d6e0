import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { createMesh, type Mesh, staticResolver } from 'fairlead';
import { registerGrpc } from 'fairlead/grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ownBytes } from '../harness/allocated.js';
import { startServers, type TestServer } from './support.js';

/**
 * What a call costs over that of grpc-js, in bytes, which no other work on the machine can change.
 * Microseconds are measured by `npm run bench -- grpc`, and hold nothing up.
 */
const OPTIONS = { calls: 2_000, concurrency: 20 };
const REQUEST = Buffer.from('{}');
const same = (bytes: Buffer): Buffer => bytes;

describe('a unary call over three servers', () => {
  let servers: TestServer[];
  let mesh: Mesh;
  let clients: Client[];
  beforeAll(async () => {
    servers = await startServers(3);
    clients = [];
    mesh = createMesh({ resolver: staticResolver({ echo: servers.map(({ endpoint }) => endpoint) }) });
    registerGrpc(mesh);
  });
  afterAll(async () => {
    for (const client of clients ?? []) client.close();
    await mesh?.close();
    await Promise.all((servers ?? []).map((server) => server.stop()));
  });

  // What was measured (1,030 to 1,070; 1,275 to 1,310, of which numbers that are passed on) and at
  // most 200 bytes: an object or two more. What is published, in one file, takes less.
  it.each([
    ['round_robin', 1_250],
    ['peak_ewma', 1_450],
  ] as const)('with %s allocates no more than its call, its attempt and its lease', async (policy, most) => {
    const client = new Client(`fairlead:///echo?policy=${policy}`, credentials.createInsecure());
    clients.push(client);
    const call = (): Promise<void> =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest('/test.Echo/Unary', same, same, REQUEST, new Metadata(), (error) =>
          error ? reject(error) : resolve(),
        );
      });
    expect(await ownBytes(call, OPTIONS)).toBeLessThan(most);
  });
});
