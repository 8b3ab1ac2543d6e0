/**
 * What a pick costs in grpc-js itself: its own channel over real connections, asked as it asks for every call.
 * `npm run bench:pick:peers`. The numbers of endpoints are those of real connections
 * that one process can hold on loopback.
 */
import { Channel, connectivityState, credentials, Metadata, Server, ServerCredentials } from '@grpc/grpc-js';

const SIZES = [10, 100];
const PICKS = 200_000;
const ROUNDS = 9;
const POLICIES = ['pick_first', 'round_robin', 'weighted_round_robin'];

/** The part of a channel that picks; not in its types. */
interface Internal {
  readonly internalChannel: { doPick(metadata: Metadata, extra: object): { readonly pickResultType: number } };
}

async function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
      if (error) reject(error);
      else resolve(port);
    });
  });
}

async function connected(channel: Channel): Promise<void> {
  const deadlineMs = Date.now() + 20_000;
  for (let state = channel.getConnectivityState(true); state !== connectivityState.READY; ) {
    await new Promise<void>((resolve, reject) => {
      channel.watchConnectivityState(state, deadlineMs, (error) => (error ? reject(error) : resolve()));
    });
    state = channel.getConnectivityState(true);
  }
  // Ready with the first connection: the others follow within moments.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
}

/** Kept for a while, as a call keeps its pick: V8 would leave out what nobody looks at. */
const results: object[] = new Array(64).fill({});

async function measure(policy: string, ports: readonly number[]): Promise<number> {
  const config = JSON.stringify({ loadBalancingConfig: [{ [policy]: {} }] });
  const target = `ipv4:${ports.map((port) => `127.0.0.1:${port}`).join(',')}`;
  const channel = new Channel(target, credentials.createInsecure(), { 'grpc.service_config': config });
  await connected(channel);
  const { internalChannel } = channel as unknown as Internal;
  const metadata = new Metadata();
  const extra = {};
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const cpu = process.cpuUsage();
    for (let i = 0; i < PICKS; i++) results[i % results.length] = internalChannel.doPick(metadata, extra);
    const used = process.cpuUsage(cpu);
    best = Math.min(best, ((used.user + used.system) * 1_000) / PICKS);
  }
  channel.close();
  return best;
}

const server = new Server();
const ports: number[] = [];
for (let i = 0; i < Math.max(...SIZES); i++) ports.push(await listen(server));
console.log('grpc-js, pick only'.padEnd(28) + SIZES.map((size) => `${size} endpoints`.padEnd(16)).join(''));
for (const policy of POLICIES) {
  let row = policy.padEnd(28);
  for (const size of SIZES) row += `${(await measure(policy, ports.slice(0, size))).toFixed(0)} ns`.padEnd(16);
  console.log(row);
}
server.forceShutdown();
process.exit(0);
