import { type Client, createClient } from '@connectrpc/connect';
import { createMesh, type Mesh, staticResolver } from 'fairlead';
import { createFairleadTransport, type FairleadTransport } from 'fairlead/connect';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ownBytes } from '../harness/allocated.js';
import { Echo, type EchoServer, startEchoServers } from './support.js';

/** What a call costs over that of Connect, in bytes, which no other work on the machine can change. */
const OPTIONS = { calls: 300, concurrency: 20 };
/** Bytes are the same on a machine that is busy with something else; it only takes longer. */
const SLOW_MS = 240_000;

describe('a unary call over three servers', () => {
  let servers: EchoServer[];
  let mesh: Mesh;
  let transport: FairleadTransport;
  beforeEach(async () => {
    servers = await startEchoServers('a', 'b', 'c');
    mesh = createMesh({ resolver: staticResolver({ echo: servers.map(({ endpoint }) => endpoint) }) });
  });
  afterEach(async () => {
    transport?.close();
    await mesh?.close({ deadlineMs: 100 });
    await Promise.all((servers ?? []).map((server) => server.kill()));
  });

  // Measured: 7,090 to 7,230, and 3,560 to 6,450. Much of it is Connect's: V8 reports what a callee
  // that it has inlined allocates as the caller's, and inlines more in some runs than in others.
  it.each([
    ['grpc', 8_500],
    ['connect', 8_000],
  ] as const)(
    'by %s allocates no more than its call, its attempt and its lease',
    async (protocol, limit) => {
      transport = createFairleadTransport(mesh, { service: 'echo', protocol });
      const client: Client<typeof Echo> = createClient(Echo, transport);
      expect(await ownBytes(() => client.read({ value: 'x' }), OPTIONS)).toBeLessThan(limit);
    },
    SLOW_MS,
  );
});
