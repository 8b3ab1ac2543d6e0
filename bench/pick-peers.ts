/**
 * What a pick costs elsewhere: in grpc-js and grpc-js-xds by a channel over real connections, asked
 * as it asks for every call; in undici's BalancedPool and mysql2's PoolCluster by the method that
 * their requests call. Beside it ours, of a pick and its done with the health signals, over as many
 * endpoints. `npm run bench:pick:peers`
 *
 * The numbers of endpoints are those of real connections that one process can hold on loopback.
 */
import { Channel, credentials, Metadata, Server, ServerCredentials } from '@grpc/grpc-js';
import { register } from '@grpc/grpc-js-xds';
import { createMesh, type Lease, Outcome, staticResolver } from 'fairlead';
import { createPoolCluster } from 'mysql2';
import { BalancedPool } from 'undici';

const SIZES = [10, 100];
const PICKS = 200_000;
const ROUNDS = 9;
const KEYS = Array.from({ length: 8_192 }, (_, i) => `user:session:${100_000 + i}`);

/** Kept for a while, as a call keeps its pick: V8 would leave out what nobody looks at. */
const results: unknown[] = new Array(64).fill({});

/** The best of some rounds, nanoseconds of processor time: the others were disturbed. */
function nsPer(pick: (turn: number) => unknown): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const cpu = process.cpuUsage();
    for (let i = 0; i < PICKS; i++) results[i % results.length] = pick(i);
    const used = process.cpuUsage(cpu);
    best = Math.min(best, ((used.user + used.system) * 1_000) / PICKS);
  }
  return best;
}

async function report(name: string, measure: (size: number) => Promise<number> | number): Promise<void> {
  let row = name.padEnd(52);
  for (const size of SIZES) row += `${(await measure(size)).toFixed(0)} ns`.padEnd(16);
  console.log(row);
}

/** The part of a channel that picks; not in its types. */
interface Internal {
  readonly internalChannel: { doPick(metadata: Metadata, extra: object): { readonly pickResultType: number } };
}
const COMPLETE = 0;

async function grpc(policy: string, ports: readonly number[], extras: readonly object[]): Promise<number> {
  const config = JSON.stringify({ loadBalancingConfig: [{ [policy]: {} }] });
  const target = `ipv4:${ports.map((port) => `127.0.0.1:${port}`).join(',')}`;
  const channel = new Channel(target, credentials.createInsecure(), { 'grpc.service_config': config });
  const { internalChannel } = channel as unknown as Internal;
  const metadata = new Metadata();
  const pick = (turn: number): { readonly pickResultType: number } =>
    internalChannel.doPick(metadata, extras[turn % extras.length]!);
  // Ready with the first connection, and ring_hash connects to those only that are picked: until
  // all are there.
  const deadlineMs = Date.now() + 30_000;
  channel.getConnectivityState(true);
  while (!extras.map((_, turn) => pick(turn).pickResultType).every((result) => result === COMPLETE)) {
    if (Date.now() > deadlineMs) throw new Error(`${policy} did not connect to all ${ports.length} servers`);
    await pause(50);
  }
  await pause(1_000);
  const ns = nsPer(pick);
  channel.close();
  return ns;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
      if (error) reject(error);
      else resolve(port);
    });
  });
}

/** undici picks by a method named by a symbol of its own. */
function undici(size: number): number {
  const pool = new BalancedPool(Array.from({ length: size }, (_, i) => `http://127.0.0.1:${10_000 + i}`));
  const symbol = Object.getOwnPropertySymbols(BalancedPool.prototype).find(
    ({ description }) => description === 'get dispatcher',
  );
  const inside = pool as unknown as Record<symbol, () => object>;
  if (symbol === undefined) throw new Error('this version of undici picks otherwise');
  // Picks are the dispatchers that have room: all of them here, as nothing was sent.
  return nsPer(() => inside[symbol]!());
}

function mysql(selector: string, size: number): number {
  const cluster = createPoolCluster();
  for (let i = 0; i < size; i++) cluster.add(`replica${i}`, { host: '127.0.0.1', port: 10_000 + i });
  const namespace = cluster.of('*', selector) as unknown as { _getClusterNode(): object | null };
  if (namespace._getClusterNode() === null) throw new Error('this version of mysql2 picks otherwise');
  return nsPer(() => namespace._getClusterNode());
}

function fairlead(policy: string, size: number): number {
  const servers = Array.from({ length: size }, (_, i) => `127.0.0.1:${10_000 + i}`);
  const service = createMesh({ resolver: staticResolver({ s: servers }) }).service('s', { policy });
  const requests = KEYS.map((key) => ({ key }));
  const leases: Lease[] = requests.slice(0, 64).map((request) => service.acquire(request));
  return nsPer((turn) => {
    leases[turn % 64]!.done(Outcome.Success);
    leases[turn % 64] = service.acquire(requests[turn % KEYS.length]);
    return leases;
  });
}

register();
const server = new Server();
const ports: number[] = [];
for (let i = 0; i < Math.max(...SIZES); i++) ports.push(await listen(server));
/** As an xDS route would give them: 64 bits in decimals. */
const hashes = KEYS.map((_, i) => ({ hash: ((BigInt(i + 1) * 0x9e3779b97f4a7c15n) & (2n ** 64n - 1n)).toString() }));
console.log(''.padEnd(52) + SIZES.map((size) => `${size} endpoints`.padEnd(16)).join(''));
for (const policy of ['pick_first', 'round_robin', 'weighted_round_robin'])
  await report(`grpc-js ${policy}`, (size) => grpc(policy, ports.slice(0, size), [{}]));
await report('grpc-js-xds ring_hash', (size) => grpc('ring_hash', ports.slice(0, size), hashes));
await report('undici BalancedPool', undici);
for (const selector of ['RR', 'RANDOM', 'ORDER'])
  await report(`mysql2 PoolCluster ${selector}`, (size) => mysql(selector, size));
for (const policy of ['round_robin', 'weighted_round_robin', 'random', 'least_request', 'consistent_hash', 'maglev'])
  await report(`fairlead ${policy}, done and health included`, (size) => fairlead(policy, size));
server.forceShutdown();
process.exit(0);
