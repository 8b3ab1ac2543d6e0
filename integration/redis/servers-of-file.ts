import { Redis as Plain } from 'ioredis';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { Redis as Server } from '../harness/index.js';
import { type RedisServers, startServers } from './support.js';

/** Servers that run for all tests of a `describe`; there from the first on. */
export function serversOfFile(count: number): readonly Server[] {
  const all: Server[] = [];
  let started: RedisServers | undefined;
  beforeAll(async () => {
    started = await startServers(count);
    all.push(...started.servers);
  });
  afterAll(async () => {
    await started?.[Symbol.asyncDispose]();
  });
  return all;
}

/** The same, and empty before each test. */
export function emptyServersOfFile(count: number): readonly Server[] {
  const all = serversOfFile(count);
  beforeEach(async () => {
    for (const { host, port } of all) {
      const plain = new Plain(port, host);
      await plain.flushall();
      plain.disconnect();
    }
  });
  return all;
}
