import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { createMesh, staticResolver } from 'fairlead';
import { registerGrpc, setRoutingKey } from 'fairlead/grpc';
import type { Case, Contender, Suite } from '../runner/suite.js';
import { startGrpcServers } from '../support/grpc-servers.js';
import { atOnceWithCallbacks } from '../support/loop.js';

/** Unary calls with empty messages over three servers in processes of their own. */
type World = readonly string[];

const SESSIONS = 1_000;
const EMPTY = Buffer.alloc(0);
const same = (bytes: Buffer): Buffer => bytes;

function calling(client: Client, concurrency: number, metadata: (call: number) => Metadata): Contender {
  return {
    run: async (operations) => {
      const times = new Float64Array(operations);
      await atOnceWithCallbacks(operations, concurrency, (call, done) => {
        const begunMs = performance.now();
        client.makeUnaryRequest('/bench.Bench/Call', same, same, EMPTY, metadata(call), (error) => {
          times[call] = performance.now() - begunMs;
          done(error);
        });
      });
      times.sort();
      return { p50Ms: times[operations >> 1]!, p99Ms: times[Math.floor(operations * 0.99)]! };
    },
    close: () => client.close(),
  };
}

const noKey = (): Metadata => new Metadata();
const withKey = (call: number): Metadata => setRoutingKey(new Metadata(), `user-${call % SESSIONS}`);

const builtIn =
  (policy: string, concurrency: number) =>
  (addresses: World): Contender => {
    const options = {
      'grpc.enable_channelz': 0,
      'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ [policy]: {} }] }),
    };
    const client = new Client(`ipv4:${addresses.join(',')}`, credentials.createInsecure(), options);
    return calling(client, concurrency, noKey);
  };

const fairlead =
  (policy: string, concurrency: number, sticky = false) =>
  (addresses: World): Contender => {
    const mesh = createMesh({
      resolver: staticResolver({ users: addresses }),
      ...(sticky && { services: { users: { affinity: true } } }),
    });
    registerGrpc(mesh);
    const target = `fairlead:///users?policy=${policy}`;
    const client = new Client(target, credentials.createInsecure(), { 'grpc.enable_channelz': 0 });
    return calling(client, concurrency, sticky ? withKey : noKey);
  };

const unary = (concurrency: number, operations: number): Case<World> => ({
  title: `unary, ${concurrency} at once`,
  operations,
  baseline: 'grpc-js round_robin',
  contenders: {
    'grpc-js round_robin': builtIn('round_robin', concurrency),
    'grpc-js pick_first': builtIn('pick_first', concurrency),
    'fairlead round_robin': fairlead('round_robin', concurrency),
    'fairlead least_request': fairlead('least_request', concurrency),
    'fairlead peak_ewma': fairlead('peak_ewma', concurrency),
    'fairlead peak_ewma, sticky': fairlead('peak_ewma', concurrency, true),
  },
  targets: {
    'fairlead round_robin': 1.02,
    'fairlead least_request': 1.02,
    'fairlead peak_ewma': 1.02,
    'fairlead peak_ewma, sticky': 1.02,
  },
});

export const suite: Suite<World> = {
  about: "unary gRPC calls over three servers, beside grpc-js' own policies",
  rounds: 60,
  start: startGrpcServers,
  cases: [unary(64, 1_000), unary(1, 300), unary(16, 1_000), unary(256, 2_000)],
};
