import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Client, Code, ConnectError, createClient, createContextValues } from '@connectrpc/connect';
import {
  createMesh,
  FairleadError,
  type Mesh,
  type ServiceOptions,
  type StaticResolver,
  staticResolver,
  withRoutingKey,
} from 'fairlead';
import {
  createFairleadTransport,
  type FairleadTransport,
  type FairleadTransportOptions,
  preferredEndpoint,
  routingKey,
} from 'fairlead/connect';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Echo, type EchoServer, startEchoServers, tally, until } from './support.js';

let servers: EchoServer[];
let mesh: Mesh;
let resolver: StaticResolver;
let transport: FairleadTransport;

beforeEach(async () => {
  servers = await startEchoServers('a', 'b', 'c');
});
afterEach(async () => {
  transport?.close();
  await mesh?.close({ deadlineMs: 100 });
  await Promise.all(servers.map((server) => server.kill()));
});

function connect(
  service: ServiceOptions = { policy: 'round_robin' },
  options: Omit<FairleadTransportOptions, 'service'> = {},
): Client<typeof Echo> {
  resolver = staticResolver({ echo: servers.map(({ endpoint }) => endpoint) });
  mesh = createMesh({ resolver, services: { echo: service } });
  transport = createFairleadTransport(mesh, { service: 'echo', ...options });
  return createClient(Echo, transport);
}

const inflight = (): number => mesh.service('echo').endpoints.reduce((sum, endpoint) => sum + endpoint.inflight, 0);
const request = { value: 'x' };

describe.each(['grpc', 'connect'] as const)('a transport that speaks %s', (protocol) => {
  it('sends each call to the endpoint that the policy picks, over one connection per endpoint', async () => {
    const client = connect({ policy: 'round_robin' }, { protocol });
    const answers = await Promise.all(Array.from({ length: 30 }, () => client.read(request)));
    expect(tally(answers)).toEqual({ a: 10, b: 10, c: 10 });
    expect(servers.map((server) => server.sessions.size)).toEqual([1, 1, 1]);
    expect(inflight()).toBe(0);
  });

  it('takes no call once it is closed, and finishes those that it has', async () => {
    const client = connect({ policy: 'round_robin' }, { protocol });
    const last = client.count({ value: '3' })[Symbol.asyncIterator]();
    await last.next();
    transport.close();
    const closed = expect.objectContaining({
      code: Code.Unavailable,
      cause: expect.objectContaining({ code: 'FAIRLEAD_CLOSED' }),
    });
    await expect(client.read(request)).rejects.toEqual(closed);
    const watching = async (): Promise<void> => {
      for await (const _ of client.count(request)) expect.unreachable();
    };
    await expect(watching()).rejects.toEqual(closed);
    while (!(await last.next()).done);
    await until(() => servers.every((server) => server.sessions.size === 0), 'its connections are closed');
    expect(servers.reduce((sum, server) => sum + server.calls, 0)).toBe(3);
  });

  it('sends nothing for a caller whose time is over, once or more often', async () => {
    const client = connect({ policy: 'round_robin' }, { protocol });
    await client.read(request);
    const before = servers.reduce((sum, { calls }) => sum + calls, 0);
    const over = AbortSignal.abort(new ConnectError('the deadline has passed', Code.DeadlineExceeded));
    const read = (): Promise<unknown> => client.read(request, { signal: over });
    const count = async (): Promise<void> => {
      for await (const _ of client.count({ value: '3' }, { signal: over }));
    };
    const ended = await Promise.allSettled(Array.from({ length: 5 }, () => [read(), count()]).flat());
    expect(ended.every(({ status }) => status === 'rejected')).toBe(true);
    await client.read(request);
    expect(servers.reduce((sum, { calls }) => sum + calls, 0)).toBe(before + 1);
    expect(inflight()).toBe(0);
  });

  it('repeats a call without side effects elsewhere when its server fails, and ejects that server', async () => {
    const client = connect({ policy: 'round_robin' }, { protocol });
    servers[1]!.code = Code.Unavailable;
    const answers = await Promise.all(Array.from({ length: 60 }, () => client.read(request)));
    expect(Object.keys(tally(answers)).sort()).toEqual(['a', 'c']);
    expect(mesh.service('echo').endpoints.map(({ state }) => state)).toEqual(['ready', 'ejected', 'ready']);
  });

  it('counts a stream on its endpoint until its last message was read', async () => {
    const client = connect({ policy: 'round_robin' }, { protocol });
    const answers: { value: string }[] = [];
    for await (const answer of client.count({ value: '5' })) {
      expect(inflight()).toBe(1);
      answers.push(answer);
    }
    expect(Object.values(tally(answers))).toEqual([5]);
    expect(inflight()).toBe(0);
  });

  it('carries messages both ways', async () => {
    const client = connect({ policy: 'round_robin' }, { protocol });
    async function* requests() {
      yield { value: '1' };
      yield { value: '2' };
    }
    const answers: string[] = [];
    for await (const { value } of client.chat(requests())) answers.push(value);
    expect(answers).toEqual([expect.stringMatching(/^[abc]:1$/), expect.stringMatching(/^[abc]:2$/)]);
    expect(inflight()).toBe(0);
  });

  it('survives a killed server: not one of the calls without side effects fails', async () => {
    const client = connect({ policy: 'round_robin' }, { protocol });
    const calls: Promise<unknown>[] = [];
    for (let i = 0; i < 300; i++) {
      calls.push(client.read(request));
      if (i % 20 === 19) await calls[i];
      if (i === 100) await servers[0]!.kill();
    }
    const results = await Promise.allSettled(calls);
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([]);
    expect(inflight()).toBe(0);
  });
});

describe('a call', () => {
  it('that may have side effects is not repeated after it reached a server', async () => {
    const client = connect();
    for (const server of servers) server.code = Code.Unavailable;
    await expect(client.write(request)).rejects.toMatchObject({ code: Code.Unavailable });
    expect(servers.reduce((sum, { calls }) => sum + calls, 0)).toBe(1);
  });

  it('that may have side effects is repeated where no connection came to be', async () => {
    const client = connect();
    await servers[0]!.kill();
    const answers: { value: string }[] = [];
    for (let i = 0; i < 9; i++) answers.push(await client.write(request));
    expect(Object.keys(tally(answers)).sort()).toEqual(['b', 'c']);
  });

  it('of a method that the option calls idempotent is repeated', async () => {
    const client = connect(undefined, { idempotent: ({ name }) => name === 'Write' });
    servers[0]!.code = Code.Unavailable;
    servers[1]!.code = Code.Unavailable;
    await expect(client.write(request)).resolves.toMatchObject({ value: 'c' });
  });

  it('that is answered NOT_FOUND never ejects, however often', async () => {
    const client = connect();
    servers[0]!.code = Code.NotFound;
    const results = await Promise.allSettled(Array.from({ length: 120 }, () => client.read(request)));
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(40);
    expect(mesh.service('echo').endpoints.map(({ state }) => state)).toEqual(['ready', 'ready', 'ready']);
  });

  it('goes by the key of its header, its context values or its async context', async () => {
    const client = connect({ policy: 'rendezvous' }, { keyHeader: 'x-user' });
    const byHeader = await Promise.all(
      Array.from({ length: 9 }, () => client.read(request, { headers: { 'x-user': 'u1' } })),
    );
    const contextValues = createContextValues().set(routingKey, 'u1');
    const byContext = await client.read(request, { contextValues });
    const byAsyncContext = await withRoutingKey('u1', () => client.read(request));
    expect(Object.keys(tally([...byHeader, byContext, byAsyncContext]))).toHaveLength(1);
    const users = await Promise.all(
      Array.from({ length: 60 }, (_, i) => client.read(request, { headers: { 'x-user': `u${i}` } })),
    );
    expect(Object.keys(tally(users)).sort()).toEqual(['a', 'b', 'c']);
  });

  it('goes to the endpoint that its context values prefer', async () => {
    const client = connect();
    for (const id of ['a', 'b', 'c']) {
      const contextValues = createContextValues().set(preferredEndpoint, id);
      const unary = await Promise.all(Array.from({ length: 9 }, () => client.read(request, { contextValues })));
      expect(tally(unary)).toEqual({ [id]: 9 });
      for await (const message of client.count({ value: '1' }, { contextValues })) expect(message.value).toContain(id);
    }
    const contextValues = createContextValues().set(preferredEndpoint, 'nobody');
    await expect(client.read(request, { contextValues })).resolves.toBeDefined();
  });

  it('without an endpoint fails as UNAVAILABLE, and its cause tells why', async () => {
    const client = connect({ waitForReadyMs: 1 });
    resolver.update('echo', []);
    const error = await client.read(request).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConnectError);
    expect(error).toMatchObject({ code: Code.Unavailable });
    expect((error as ConnectError).cause).toBeInstanceOf(FairleadError);
  });
});

describe('a stream', () => {
  it('ends when its reader aborts', async () => {
    const client = connect();
    const abort = new AbortController();
    const read = async (): Promise<void> => {
      for await (const _ of client.count({ value: '100000' }, { signal: abort.signal })) abort.abort();
    };
    await expect(read()).rejects.toMatchObject({ code: Code.Canceled });
    expect(inflight()).toBe(0);
    await until(() => servers.every(({ streams }) => streams === 0), 'the server hears of it');
  });

  it('ends at its deadline, as DEADLINE_EXCEEDED', async () => {
    const client = connect();
    const read = async (): Promise<void> => {
      for await (const _ of client.count({ value: '100000' }, { timeoutMs: 50 })) {
        // Reads on.
      }
    };
    await expect(read()).rejects.toMatchObject({ code: Code.DeadlineExceeded });
    expect(inflight()).toBe(0);
  });

  it('ends when a reader of the transport leaves it', async () => {
    connect();
    const response = await transport.stream(
      Echo.method.count,
      undefined,
      undefined,
      undefined,
      (async function* () {
        yield { value: '100000' };
      })(),
    );
    for await (const _ of response.message) break;
    await until(() => inflight() === 0, 'the lease ends');
    await until(() => servers.every(({ streams }) => streams === 0), 'the server hears of it');
  });

  it('ends when its reader forgets it and what is left of it is collected', async () => {
    const client = connect();
    const readOne = async (): Promise<void> => {
      for await (const _ of client.count({ value: '100000000' })) break;
    };
    await readOne();
    expect(inflight()).toBe(1);
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    await until(() => {
      collect();
      return inflight() === 0;
    }, 'the lease ends');
    await until(() => servers.every(({ streams }) => streams === 0), 'the server hears of it');
  });

  it('that finds its server gone begins on another one', async () => {
    const client = connect();
    await servers[0]!.kill();
    for (let i = 0; i < 3; i++) {
      const answers: { value: string }[] = [];
      for await (const answer of client.count({ value: '3' })) answers.push(answer);
      expect(answers).toHaveLength(3);
    }
  });

  it('whose server is killed on the way fails, and speaks against that server', async () => {
    const client = connect();
    const read = async (): Promise<void> => {
      for await (const { value } of client.count({ value: '100000' })) {
        await servers.find(({ id }) => id === value)!.kill();
      }
    };
    await expect(read()).rejects.toMatchObject({ code: Code.Unavailable });
    expect(inflight()).toBe(0);
    expect(mesh.service('echo').endpoints.reduce((sum, { failures }) => sum + failures, 0)).toBe(1);
  });
});

describe('the connection to an endpoint that discovery no longer lists', () => {
  it('is closed after its last call', async () => {
    const client = connect();
    await Promise.all(Array.from({ length: 3 }, () => client.read(request)));
    const messages = client.count({ value: '50' })[Symbol.asyncIterator]();
    const { value } = await messages.next();
    const [busy, ...others] = [...servers].sort((x) => (x.id === value.value ? -1 : 1));
    resolver.update('echo', [others[1]!.endpoint]);
    await until(() => others[0]!.sessions.size === 0, 'the idle one is closed');
    expect(busy!.sessions.size).toBe(1);
    let read = 1;
    while (!(await messages.next()).done) read++;
    expect(read).toBe(50);
    await until(() => busy!.sessions.size === 0, 'the busy one is closed after its stream');
    await expect(client.read(request)).resolves.toMatchObject({ value: others[1]!.id });
  });
});
