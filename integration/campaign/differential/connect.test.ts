import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EchoServer } from '../../connect/support.js';
import { connectPairing } from './connect/pairing.js';
import { described, difference } from './script.js';
import { seeds } from './seeds.js';

describe('a transport over one server, beside those of connect-node', () => {
  let server: EchoServer;
  beforeAll(async () => {
    server = await new EchoServer('a').start();
  });
  afterAll(() => server?.kill());

  it.each(seeds('connect'))(
    'the script of seed %i is answered alike',
    async (seed) => {
      const found = await difference(connectPairing(server), seed, 25);
      expect(found && described(found)).toBeUndefined();
    },
    300_000,
  );
});
