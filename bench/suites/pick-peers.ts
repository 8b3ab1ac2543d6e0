import { Channel, credentials, Metadata } from '@grpc/grpc-js';
import { createMesh, type Lease, Outcome, type PolicyName, staticResolver } from 'fairlead';
import type { Case, Contender, Suite } from '../runner/suite.js';
import { KEYS } from '../support/keys.js';

/**
 * A pick alone elsewhere, as the library calls it for every call; beside it a pick with its done
 * and the health signals here. As many endpoints as one process can hold real connections to.
 */
type World = readonly number[];

const SIZES = [10, 100];
/** Kept for a while, as a call keeps its pick: V8 would leave out what nothing looks at. */
const results: unknown[] = new Array(64).fill({});

const repeating = (pick: (turn: number) => unknown, close?: () => void): Contender => ({
  run: (operations) => {
    for (let i = 0; i < operations; i++) results[i % results.length] = pick(i);
    return undefined;
  },
  ...(close && { close }),
});

/** The part of a channel that picks; not in its types. */
interface Internal {
  readonly internalChannel: { doPick(metadata: Metadata, extra: object): { readonly pickResultType: number } };
}
const COMPLETE = 0;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** As an xDS route would give them: 64 bits in decimals. */
const hashes = KEYS.map((_, i) => ({ hash: ((BigInt(i + 1) * 0x9e3779b97f4a7c15n) & (2n ** 64n - 1n)).toString() }));

const grpc =
  (policy: string, size: number) =>
  async (ports: World): Promise<Contender> => {
    if (policy === 'ring_hash') (await import('@grpc/grpc-js-xds')).register();
    const extras: readonly object[] = policy === 'ring_hash' ? hashes : [{}];
    const config = JSON.stringify({ loadBalancingConfig: [{ [policy]: {} }] });
    const target = `ipv4:${ports
      .slice(0, size)
      .map((port) => `127.0.0.1:${port}`)
      .join(',')}`;
    const channel = new Channel(target, credentials.createInsecure(), { 'grpc.service_config': config });
    const { internalChannel } = channel as unknown as Internal;
    const metadata = new Metadata();
    const pick = (turn: number) => internalChannel.doPick(metadata, extras[turn % extras.length]!);
    // Ready with the first connection, and ring_hash connects to those only that are picked: until
    // all are there.
    channel.getConnectivityState(true);
    while (!extras.map((_, turn) => pick(turn).pickResultType).every((result) => result === COMPLETE)) await pause(50);
    await pause(1_000);
    return repeating(pick, () => channel.close());
  };

/** undici picks by a method named by a symbol of its own. */
const undici = (size: number) => async (): Promise<Contender> => {
  const { BalancedPool } = await import('undici');
  const pool = new BalancedPool(Array.from({ length: size }, (_, i) => `http://127.0.0.1:${10_000 + i}`));
  const symbol = Object.getOwnPropertySymbols(BalancedPool.prototype).find(
    ({ description }) => description === 'get dispatcher',
  );
  const inside = pool as unknown as Record<symbol, () => object>;
  if (symbol === undefined) throw new Error('this version of undici picks otherwise');
  return repeating(() => inside[symbol]!());
};

const mysql = (selector: string, size: number) => async (): Promise<Contender> => {
  const { createPoolCluster } = await import('mysql2');
  const cluster = createPoolCluster();
  for (let i = 0; i < size; i++) cluster.add(`replica${i}`, { host: '127.0.0.1', port: 10_000 + i });
  const namespace = cluster.of('*', selector) as unknown as { _getClusterNode(): object | null };
  if (namespace._getClusterNode() === null) throw new Error('this version of mysql2 picks otherwise');
  return repeating(() => namespace._getClusterNode());
};

const fairlead = (policy: PolicyName, size: number) => (): Contender => {
  const servers = Array.from({ length: size }, (_, i) => `127.0.0.1:${10_000 + i}`);
  const service = createMesh({ resolver: staticResolver({ s: servers }) }).service('s', { policy });
  const requests = KEYS.map((key) => ({ key }));
  const leases: Lease[] = requests.slice(0, 64).map((request) => service.acquire(request));
  return repeating((turn) => {
    leases[turn % 64]!.done(Outcome.Success);
    leases[turn % 64] = service.acquire(requests[turn % KEYS.length]);
    return leases;
  });
};

const OURS = ['round_robin', 'weighted_round_robin', 'random', 'least_request', 'consistent_hash', 'maglev'] as const;

const at = (size: number): Case<World> => ({
  title: `${size} endpoints`,
  operations: 200_000,
  baseline: 'grpc-js round_robin',
  contenders: {
    'grpc-js round_robin': grpc('round_robin', size),
    'grpc-js pick_first': grpc('pick_first', size),
    'grpc-js weighted_round_robin': grpc('weighted_round_robin', size),
    'grpc-js-xds ring_hash': grpc('ring_hash', size),
    'undici BalancedPool': undici(size),
    ...Object.fromEntries(['RR', 'RANDOM', 'ORDER'].map((each) => [`mysql2 PoolCluster ${each}`, mysql(each, size)])),
    ...Object.fromEntries(OURS.map((policy) => [`fairlead ${policy}, done and health`, fairlead(policy, size)])),
  },
});

export const suite: Suite<World> = {
  about: 'a pick in grpc-js, grpc-js-xds, undici and mysql2, beside ours with its done',
  rounds: 9,
  start: async () => {
    const { startListeners } = await import('../support/listeners.js');
    return startListeners(Math.max(...SIZES));
  },
  cases: SIZES.map(at),
};
