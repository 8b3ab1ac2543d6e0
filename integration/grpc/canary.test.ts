import { AsyncLocalStorage } from 'node:async_hooks';
import { type ChannelOptions, connectivityState, experimental, Metadata, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { EchoClient, startServers, type TestServer, until } from './support.js';

// What the adapter relies on and grpc-js does not promise. Written against grpc-js alone: when one
// of these fails after an update, the adapter has to change, whatever its own tests say.

interface Probe {
  /** Decides each pick; gets the leaf's own picker. */
  pick: (args: experimental.PickArgs, leaf: experimental.Picker) => experimental.PickResult;
  exitIdle: number;
  instances: number;
  readonly seen: experimental.GrpcUri[];
  options: ChannelOptions | undefined;
  subchannel: { resetBackoff?: unknown; connector?: unknown } | undefined;
  state: connectivityState;
}

const probe: Probe = {
  pick: (args, leaf) => leaf.pick(args),
  exitIdle: 0,
  instances: 0,
  seen: [],
  options: undefined,
  subchannel: undefined,
  state: connectivityState.IDLE,
};

let server: TestServer;
let pickInfo: object = {};
const selector: experimental.ConfigSelector = {
  invoke: () => ({
    methodConfig: { name: [{}], ...methodConfig },
    pickInformation: pickInfo as Record<string, string>,
    status: status.OK,
    dynamicFilterFactories: [],
  }),
  unref: () => {},
};
let methodConfig: object = {};

class ProbeResolver implements experimental.Resolver {
  readonly #listener: experimental.ResolverListener;
  constructor(uri: experimental.GrpcUri, listener: experimental.ResolverListener) {
    probe.seen.push(uri);
    this.#listener = listener;
  }
  updateResolution(): void {
    queueMicrotask(() =>
      this.#listener(
        experimental.statusOrFromValue([]),
        { [experimental.CHANNEL_ARGS_CONFIG_SELECTOR_KEY]: selector, 'grpc.internal.no_subchannel.probe': {} },
        experimental.statusOrFromValue({ loadBalancingConfig: [{ canary: {} }], methodConfig: [] }),
        '',
      ),
    );
  }
  destroy(): void {}
  static getDefaultAuthority(uri: experimental.GrpcUri): string {
    probe.seen.push(uri);
    return 'canary';
  }
}

class ProbeBalancer implements experimental.LoadBalancer {
  readonly #helper: experimental.ChannelControlHelper;
  #leaf: experimental.LeafLoadBalancer | undefined;
  constructor(helper: experimental.ChannelControlHelper) {
    this.#helper = helper;
    probe.instances++;
  }
  updateAddressList(_: unknown, __: unknown, options: ChannelOptions): boolean {
    probe.options = options;
    const helper = experimental.createChildChannelControlHelper(this.#helper, {
      createSubchannel: (address, args) => {
        const subchannel = this.#helper.createSubchannel(address, args);
        probe.subchannel = subchannel.getRealSubchannel() as never;
        return subchannel;
      },
      updateState: (state, picker, error) => {
        probe.state = state;
        this.#helper.updateState(state, { pick: (args) => probe.pick(args, picker) }, error);
      },
    });
    const { port } = server;
    this.#leaf = new experimental.LeafLoadBalancer({ addresses: [{ host: '127.0.0.1', port }] }, helper, options, '');
    this.#leaf.startConnecting();
    return true;
  }
  exitIdle(): void {
    probe.exitIdle++;
  }
  resetBackoff(): void {}
  destroy(): void {
    this.#leaf?.destroy();
  }
  getTypeName(): string {
    return 'canary';
  }
}

class ProbeConfig implements experimental.TypedLoadBalancingConfig {
  static createFromJson(): ProbeConfig {
    return new ProbeConfig();
  }
  getLoadBalancerName(): string {
    return 'canary';
  }
  toJsonObject(): object {
    return { canary: {} };
  }
}

beforeAll(async () => {
  experimental.registerResolver('canary', ProbeResolver);
  experimental.registerLoadBalancerType('canary', ProbeBalancer, ProbeConfig);
  [server] = (await startServers(1)) as [TestServer];
});
afterAll(() => server.stop());

async function withClient<T>(run: (client: EchoClient) => Promise<T>, options: ChannelOptions = {}): Promise<T> {
  const client = new EchoClient('canary:///x', options);
  try {
    return await run(client);
  } finally {
    client.close();
    probe.pick = (args, leaf) => leaf.pick(args);
    pickInfo = {};
    methodConfig = {};
  }
}

describe('grpc-js', () => {
  it('carries the pickInformation of the config selector by identity to every attempt of a call', async () => {
    await withClient(async (client) => {
      pickInfo = { its: 'own' };
      methodConfig = {
        retryPolicy: {
          maxAttempts: 3,
          initialBackoff: '0.01s',
          maxBackoff: '0.01s',
          backoffMultiplier: 1,
          retryableStatusCodes: ['UNAVAILABLE'],
        },
      };
      const seen: unknown[] = [];
      probe.pick = (args, leaf) => {
        if (probe.state === connectivityState.READY) seen.push(args.extraPickInfo);
        return leaf.pick(args);
      };
      const failed = await client.unary({ code: status.UNAVAILABLE }).catch((error) => error.code);
      expect(failed).toBe(status.UNAVAILABLE);
      expect(seen).toHaveLength(3);
      expect(seen.every((info) => info === pickInfo)).toBe(true);
    });
  });

  it('gives metadata options by identity to the config selector and keeps unknown ones', async () => {
    await withClient(async (client) => {
      const options = { mine: 'kept' };
      const metadata = new Metadata();
      metadata.setOptions(options as never);
      let seen: unknown;
      const invoke = vi.spyOn(selector, 'invoke').mockImplementationOnce((...args) => {
        seen = args[1].getOptions();
        invoke.mockRestore();
        return selector.invoke(...args);
      });
      await client.unary({}, metadata);
      expect(seen).toBe(options);
    });
  });

  it('calls onCallStarted with the pick result as this, after the pick, and onCallEnded for every call that started', async () => {
    await withClient(async (client) => {
      const log: string[] = [];
      probe.pick = (args, leaf) => {
        const result = leaf.pick(args);
        if (result.pickResultType !== experimental.PickResultType.COMPLETE) return result;
        log.push('picked');
        const mine = {
          ...result,
          onCallStarted(this: unknown) {
            log.push(this === mine ? 'started' : 'started without this');
          },
          onCallEnded: (code: number) => log.push(`ended ${code}`),
        };
        queueMicrotask(() => log.push('microtask'));
        return mine as experimental.PickResult;
      };
      await client.unary();
      await client.unary({ code: 5 }).catch(() => {});
      await client.unary({ delayMs: 500 }, undefined, { deadline: Date.now() + 50 }).catch(() => {});
      const call = (end: string): string[] => ['picked', 'microtask', 'started', end];
      expect(log).toEqual([...call('ended 0'), ...call('ended 5'), ...call('ended 4')]);
    });
  });

  it('tells of a lost connection before it ends the calls on it', async () => {
    const [doomed] = await startServers(1);
    const before = server;
    server = doomed!;
    try {
      await withClient(async (client) => {
        let stateAtEnd: unknown;
        probe.pick = (args, leaf) => {
          const result = leaf.pick(args);
          if (result.pickResultType !== experimental.PickResultType.COMPLETE) return result;
          return {
            ...result,
            onCallEnded: () => {
              stateAtEnd ??= probe.state;
            },
          } as experimental.PickResult;
        };
        const call = client.unary({ delayMs: 5_000 }).catch((error) => error.code);
        await until(async () => (await doomed!.calls()) === 1, 'the call has arrived');
        await doomed!.stop();
        expect(await call).toBe(status.UNAVAILABLE);
        expect(stateAtEnd).not.toBe(connectivityState.READY);
      });
    } finally {
      server = before;
    }
  });

  it('calls exitIdle of the policy before every call', async () => {
    await withClient(async (client) => {
      await client.unary();
      probe.exitIdle = 0;
      for (let i = 0; i < 10; i++) await client.unary();
      expect(probe.exitIdle).toBe(10);
    });
  });

  it('asks the resolver class for the authority with the object that the resolver is then made with', async () => {
    probe.seen.length = 0;
    await withClient((client) => client.unary());
    expect(probe.seen[1]).toBe(probe.seen[0]);
  });

  it('takes a path with an opening bracket alone for no host, so that no proxy gets it', async () => {
    expect(experimental.splitHostPort('[users?x=y:z')).toBeNull();
    expect(experimental.splitHostPort('users')).not.toBeNull();
  });

  it('leaves attributes with the excluded prefix out of what identifies a connection, and puts others in', async () => {
    const connections: unknown[] = [];
    const connectionOf = async (client: EchoClient): Promise<void> => {
      await client.unary();
      connections.push(probe.subchannel);
    };
    await withClient(async (first) => {
      await connectionOf(first);
      await withClient(connectionOf);
      await withClient(connectionOf, { 'grpc.mine': 1 });
    });
    expect(connections[1]).toBe(connections[0]);
    expect(connections[2]).not.toBe(connections[0]);
    expect(Object.keys(probe.options ?? {})).toContain(experimental.CHANNEL_ARGS_CONFIG_SELECTOR_KEY);
  });

  it('makes a new policy after idling and keeps the resolver', async () => {
    await withClient(
      async (client) => {
        await client.unary();
        const { instances } = probe;
        const resolvers = probe.seen.length;
        await until(() => client.getChannel().getConnectivityState(false) === connectivityState.IDLE, 'idle');
        await client.unary();
        expect(probe.instances).toBe(instances + 1);
        expect(probe.seen.length).toBe(resolvers);
      },
      { 'grpc.client_idle_timeout_ms': 1_000 },
    );
  });

  it('has resetBackoff on the real subchannel, and keeps the session that is being made in its connector', async () => {
    await withClient((client) => client.unary());
    expect(typeof probe.subchannel?.resetBackoff).toBe('function');
    expect(probe.subchannel?.connector).toHaveProperty('session', null);
  });

  it('starts the calls that waited for the first resolution in the context of whoever resolves', async () => {
    const context = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const invoke = vi.spyOn(selector, 'invoke');
    const real = invoke.getMockImplementation();
    invoke.mockImplementation(() => {
      seen.push(context.getStore());
      return { methodConfig: { name: [{}] }, pickInformation: {}, status: status.OK, dynamicFilterFactories: [] };
    });
    await withClient(async (client) => {
      await Promise.all(['a', 'b'].map((name) => context.run(name, () => client.unary())));
      // The day this says a, b, keys of the async context can be honoured from the first call on.
      expect(seen).toEqual(['a', 'a']);
      seen.length = 0;
      await Promise.all(['a', 'b'].map((name) => context.run(name, () => client.unary())));
      expect(seen).toEqual(['a', 'b']);
    });
    if (real === undefined) invoke.mockRestore();
  });

  it('starts a picked call before the next turn of the event loop where there are no call credentials', async () => {
    await withClient(async (client) => {
      await client.unary();
      const log: string[] = [];
      probe.pick = (args, leaf) => {
        setImmediate(() => log.push('immediate'));
        return { ...leaf.pick(args), onCallStarted: () => log.push('started') } as experimental.PickResult;
      };
      await client.unary();
      expect(log[0]).toBe('started');
    });
  });
});
