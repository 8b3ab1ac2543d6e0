import { once } from 'node:events';
import { type ChannelOptions, Client, credentials, Metadata } from '@grpc/grpc-js';
import { createMesh, staticResolver } from 'fairlead';
import { registerGrpc, setRoutingKey } from 'fairlead/grpc';
import type { Case, Contender, Suite } from '../runner/suite.js';
import { startGrpcServers } from '../support/grpc-servers.js';
import { atOnceWithCallbacks } from '../support/loop.js';

/** Three servers in processes of their own; unary calls have empty messages. */
type World = readonly string[];

const SESSIONS = 1_000;
const EMPTY = Buffer.alloc(0);
const MESSAGE = Buffer.alloc(100, 'x');
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

/** Streams that are kept: one operation is a message there and back. */
function chatting(client: Client, streams: number): Contender {
  const open = Array.from({ length: streams }, () =>
    client.makeBidiStreamRequest('/bench.Bench/Chat', same, same, new Metadata()),
  );
  for (const stream of open) stream.on('error', () => {});
  return {
    run: async (operations) => {
      let begun = 0;
      const talk = async (stream: (typeof open)[number]): Promise<void> => {
        while (begun < operations) {
          begun++;
          stream.write(MESSAGE);
          await once(stream, 'data');
        }
      };
      await Promise.all(open.map(talk));
      return undefined;
    },
    close: () => {
      for (const stream of open) stream.cancel();
      client.close();
    },
  };
}

/** One operation is a stream of one message there and back, from its beginning to its end. */
function streaming(client: Client, concurrency: number): Contender {
  return {
    run: async (operations) => {
      await atOnceWithCallbacks(operations, concurrency, (_, done) => {
        const stream = client.makeBidiStreamRequest('/bench.Bench/Chat', same, same, new Metadata());
        stream.on('data', () => stream.end()).on('end', () => done());
        stream.on('error', done).write(MESSAGE);
      });
      return undefined;
    },
    close: () => client.close(),
  };
}

/** One operation is a channel: made, connected, one call, and closed. */
function connecting(channel: (i: number) => Client): Contender {
  let made = 0;
  return {
    run: async (operations) => {
      const clients = Array.from({ length: operations }, () => channel(made++));
      await atOnceWithCallbacks(operations, operations, (i, done) => {
        clients[i]!.makeUnaryRequest('/bench.Bench/Call', same, same, EMPTY, new Metadata(), (error) => done(error));
      });
      for (const client of clients) client.close();
      return undefined;
    },
  };
}

const noKey = (): Metadata => new Metadata();
const withKey = (call: number): Metadata => setRoutingKey(new Metadata(), `user-${call % SESSIONS}`);

function builtInClient(policy: string, addresses: World, options: ChannelOptions = {}): Client {
  return new Client(`ipv4:${addresses.join(',')}`, credentials.createInsecure(), {
    ...options,
    'grpc.enable_channelz': 0,
    'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ [policy]: {} }] }),
  });
}

const builtIn =
  (policy: string, concurrency: number) =>
  (addresses: World): Contender =>
    calling(builtInClient(policy, addresses), concurrency, noKey);

function fairleadClient(policy: string, addresses: World): Client {
  registerGrpc(createMesh({ resolver: staticResolver({ users: addresses }) }));
  return fairleadChannel('users', policy);
}

const fairleadChannel = (service: string, policy = 'round_robin', options: ChannelOptions = {}): Client =>
  new Client(`fairlead:///${service}?policy=${policy}`, credentials.createInsecure(), {
    ...options,
    'grpc.enable_channelz': 0,
  });

const fairlead =
  (policy: string, concurrency: number, sticky = false) =>
  (addresses: World): Contender => {
    const mesh = createMesh({
      resolver: staticResolver({ users: addresses }),
      ...(sticky && { services: { users: { affinity: true } } }),
    });
    registerGrpc(mesh);
    return calling(fairleadChannel('users', policy), concurrency, sticky ? withKey : noKey);
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

const streams = (title: string, operations: number, make: (client: Client) => Contender): Case<World> => ({
  title,
  operations,
  baseline: 'grpc-js round_robin',
  contenders: {
    'grpc-js round_robin': (addresses) => make(builtInClient('round_robin', addresses)),
    'fairlead round_robin': (addresses) => make(fairleadClient('round_robin', addresses)),
    'fairlead peak_ewma': (addresses) => make(fairleadClient('peak_ewma', addresses)),
  },
  targets: { 'fairlead round_robin': 1.02, 'fairlead peak_ewma': 1.02 },
});

const CHANNELS = 50;
/** Services that a process has had by the last round: a service is kept. */
const MOST_CHANNELS = 10_000;
/** grpc-js lets channels of one target share their connections, and keeps those for a while. */
const OWN_CONNECTIONS = { 'grpc.use_local_subchannel_pool': 1 };

const ownChannels: Case<World> = {
  title: `${CHANNELS} channels of a service each: made, connected, one call each, closed`,
  operations: CHANNELS,
  rounds: 20,
  baseline: 'grpc-js round_robin',
  contenders: {
    'grpc-js round_robin': (addresses) => connecting(() => builtInClient('round_robin', addresses, OWN_CONNECTIONS)),
    'fairlead round_robin': (addresses) => {
      const services = Array.from({ length: MOST_CHANNELS }, (_, i) => [`s${i}`, addresses] as const);
      registerGrpc(createMesh({ resolver: staticResolver(Object.fromEntries(services)) }));
      return connecting((i) => fairleadChannel(`s${i}`, 'round_robin', OWN_CONNECTIONS));
    },
  },
  targets: { 'fairlead round_robin': 1.1 },
};

const sharedChannels: Case<World> = {
  title: `${CHANNELS} channels of one service: made, one call each, closed`,
  operations: CHANNELS,
  baseline: 'grpc-js round_robin',
  contenders: {
    'grpc-js round_robin': (addresses) => connecting(() => builtInClient('round_robin', addresses)),
    'fairlead round_robin': (addresses) => {
      registerGrpc(createMesh({ resolver: staticResolver({ users: addresses }) }));
      return connecting(() => fairleadChannel('users'));
    },
  },
  targets: { 'fairlead round_robin': 1.1 },
};

export const suite: Suite<World> = {
  about: "gRPC over three servers, unary calls, streams and 50 channels, beside grpc-js' own policies",
  rounds: 60,
  start: startGrpcServers,
  cases: [
    unary(64, 1_000),
    unary(1, 300),
    unary(16, 1_000),
    unary(256, 2_000),
    streams('messages on 64 kept streams', 3_000, (client) => chatting(client, 64)),
    streams('streams of one message, 64 at once', 1_000, (client) => streaming(client, 64)),
    ownChannels,
    sharedChannels,
  ],
};
