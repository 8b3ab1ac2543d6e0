import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { grpcPairing } from './grpc/pairing.js';
import { startGrpcServer } from './grpc/server.js';
import { described, difference } from './script.js';
import { seeds } from './seeds.js';

describe('a channel over one server, beside one of grpc-js itself', () => {
  let server: Awaited<ReturnType<typeof startGrpcServer>>;
  beforeAll(async () => {
    server = await startGrpcServer();
  });
  afterAll(() => server?.stop());

  it.each(seeds('grpc'))(
    'the script of seed %i is answered alike',
    async (seed) => {
      const found = await difference(grpcPairing(server.port), seed, 25);
      expect(found && described(found)).toBeUndefined();
    },
    300_000,
  );
});
