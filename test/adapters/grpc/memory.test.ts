import { Client, credentials } from '@grpc/grpc-js';
import { createMesh, staticResolver } from 'fairlead';
import { registerGrpc } from 'fairlead/grpc';
import { expect, it } from 'vitest';
import { bytesHeld } from '../../support/bytes.js';

const CHANNELS = 300;

/** Bytes of a channel that has not connected, on the heap. */
function bytesOf(targets: readonly string[]): number {
  const clients: Client[] = [];
  const open = (target: string): void => {
    const client = new Client(target, credentials.createInsecure(), { 'grpc.enable_channelz': 0 });
    client.getChannel().getConnectivityState(false);
    clients.push(client);
  };
  // What is made once for all.
  for (const target of targets.slice(CHANNELS)) open(target);
  const bytes = bytesHeld(() => {
    for (const target of targets.slice(0, CHANNELS)) open(target);
  });
  for (const client of clients) client.close();
  return bytes / CHANNELS;
}

/** Programs have hundreds, each of a service of its own. */
it('a channel and its service take less than 5.5 kB over a channel of grpc-js', async () => {
  const hosts = Array.from({ length: CHANNELS + 50 }, (_, i) => `10.0.0.1:${1 + i}`);
  await using mesh = createMesh({ resolver: staticResolver(Object.fromEntries(hosts.map((each) => [each, [each]]))) });
  using _registration = registerGrpc(mesh, { scheme: 'memory' });
  const bare = bytesOf(hosts.map((each) => `ipv4:${each}`));
  const ours = bytesOf(hosts.map((each) => `memory:///${each}`));
  expect(bare).toBeGreaterThan(1_000);
  expect(ours - bare).toBeLessThan(5_500);
});
