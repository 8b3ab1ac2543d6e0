import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { create, createFileRegistry, type DescService } from '@bufbuild/protobuf';
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import {
  createMesh,
  type Mesh,
  type ServiceOptions,
  type StaticResolver,
  staticResolver,
  withRoutingKey,
} from 'fairlead';
import { type MeshTransport, meshTransport } from 'fairlead/connect';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sleep, until } from './support.js';

const definition = loadSync(fileURLToPath(new URL('../../examples/proto/users.proto', import.meta.url)));
const { Users: GrpcUsers } = grpc.loadPackageDefinition(definition).users as never as {
  Users: grpc.ServiceClientConstructor;
};

/** What `protoc-gen-es` would generate from users.proto, and a method that streams beside it. */
function describeUsers(): DescService {
  const field = (number: number, name: string) => ({
    name,
    number,
    type: FieldDescriptorProto_Type.STRING,
    label: FieldDescriptorProto_Label.OPTIONAL,
  });
  const types = { inputType: '.users.GetRequest', outputType: '.users.User' };
  const file = create(FileDescriptorProtoSchema, {
    name: 'users.proto',
    package: 'users',
    syntax: 'proto3',
    messageType: [
      { name: 'GetRequest', field: [field(1, 'id')] },
      { name: 'User', field: [field(1, 'id'), field(2, 'name'), field(3, 'served_by')] },
    ],
    service: [
      {
        name: 'Users',
        method: [
          { name: 'Get', ...types },
          { name: 'Watch', ...types, serverStreaming: true },
        ],
      },
    ],
  });
  return createFileRegistry(file, () => undefined).getService('users.Users')!;
}

interface User {
  readonly servedBy: string;
}
interface UsersClient {
  get(request: { id: string }, options?: { signal?: AbortSignal; headers?: HeadersInit }): Promise<User>;
  watch(request: { id: string }, options?: { signal?: AbortSignal }): AsyncIterable<User>;
}
type HeadersInit = Record<string, string>;

interface TestUsers {
  readonly server: grpc.Server;
  readonly id: string;
  readonly host: string;
  readonly port: number;
  code: grpc.status;
  calls: number;
}

async function serve(id: string): Promise<TestUsers> {
  const server = new grpc.Server();
  const users = { server, id, host: '127.0.0.1', port: 0, code: grpc.status.OK, calls: 0 };
  const { Get } = GrpcUsers.service;
  const Watch = { ...Get!, path: '/users.Users/Watch', responseStream: true };
  server.addService({ Get: Get!, Watch } as grpc.ServiceDefinition, {
    Get: (_call: grpc.ServerUnaryCall<object, object>, done: grpc.sendUnaryData<object>) => {
      users.calls++;
      if (users.code === grpc.status.OK) done(null, { servedBy: id });
      else done({ code: users.code, details: 'as told' });
    },
    Watch: (call: grpc.ServerWritableStream<object, object>) => {
      for (let i = 0; i < 3; i++) setTimeout(() => call.write({ servedBy: id }), i * 50);
      setTimeout(() => call.end(), 150);
    },
  });
  users.port = await promisify(server.bindAsync.bind(server))('127.0.0.1:0', grpc.ServerCredentials.createInsecure());
  return users;
}

let servers: TestUsers[];
let mesh: Mesh;
let resolver: StaticResolver;
const transports: MeshTransport[] = [];
beforeEach(async () => {
  servers = await Promise.all(['a', 'b', 'c'].map(serve));
});
afterEach(async () => {
  for (const transport of transports.splice(0)) transport.close();
  await mesh.close({ deadlineMs: 100 });
  for (const { server } of servers) server.forceShutdown();
});

const list = (): { id: string; host: string; port: number }[] =>
  servers.map(({ id, host, port }) => ({ id, host, port }));

function connect(service: ServiceOptions = {}, options: { keyHeader?: string } = {}): UsersClient {
  resolver = staticResolver({ users: list() });
  mesh = createMesh({ resolver, services: { users: service } });
  const transport = meshTransport(mesh, { service: 'users', ...options });
  transports.push(transport);
  return createClient(describeUsers(), transport) as never as UsersClient;
}

const inflight = (): number => mesh.service('users').endpoints.reduce((sum, { inflight }) => sum + inflight, 0);

describe('meshTransport', () => {
  it('balances the calls of a connect client over the endpoints', async () => {
    const client = connect({ policy: 'round_robin' });
    await Promise.all(Array.from({ length: 30 }, () => client.get({ id: '1' })));
    expect(servers.map(({ calls }) => calls)).toEqual([10, 10, 10]);
    expect(inflight()).toBe(0);
  });

  it('keeps a session by header and by async context', async () => {
    const client = connect({ affinity: true }, { keyHeader: 'x-user' });
    const byHeader = await Promise.all(
      Array.from({ length: 10 }, () => client.get({ id: '1' }, { headers: { 'x-user': 'alice' } })),
    );
    const byContext = await withRoutingKey('alice', () => client.get({ id: '1' }));
    expect(new Set([...byHeader, byContext].map(({ servedBy }) => servedBy)).size).toBe(1);
  });

  it('counts a stream until its last message', async () => {
    const client = connect();
    const seen: number[] = [];
    for await (const _user of client.watch({ id: '1' })) seen.push(inflight());
    expect(seen).toEqual([1, 1, 1]);
    expect(inflight()).toBe(0);
  });

  it('lets go of a stream whose reader has left, by the signal or when nobody can read on', async () => {
    const client = connect();
    const abort = new AbortController();
    for await (const _user of client.watch({ id: '1' }, { signal: abort.signal })) break;
    expect(inflight()).toBe(1);
    abort.abort();
    expect(inflight()).toBe(0);
    for await (const _user of client.watch({ id: '1' })) break;
    expect(inflight()).toBe(1);
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    await until(() => {
      collectGarbage();
      return inflight() === 0;
    }, 'the stream that was left is released');
  });

  it('tries a unary call elsewhere where it could not be sent, and never where it could', async () => {
    servers[1]!.server.forceShutdown();
    const client = connect({ policy: 'round_robin' });
    await Promise.all(Array.from({ length: 12 }, () => client.get({ id: '1' })));
    servers[2]!.code = grpc.status.UNAVAILABLE;
    const results = await Promise.allSettled(Array.from({ length: 6 }, () => client.get({ id: '1' })));
    expect(results.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(0);
  });

  it('ejects a server that fails, and never one that answers NOT_FOUND', async () => {
    servers[0]!.code = grpc.status.UNAVAILABLE;
    servers[1]!.code = grpc.status.NOT_FOUND;
    const client = connect({ policy: 'round_robin' });
    for (let i = 0; i < 30; i++) await client.get({ id: '1' }).catch(() => {});
    expect(servers[0]!.calls).toBe(5);
    expect(mesh.service('users').rotation.map(({ spec }) => spec.id)).toEqual(['b', 'c']);
  });

  it('gives up the connection to an endpoint that is gone after the last call on it', async () => {
    const client = connect({ policy: 'round_robin' });
    const streams = Array.from({ length: 3 }, async () => {
      let count = 0;
      for await (const _user of client.watch({ id: '1' })) count++;
      return count;
    });
    await sleep(30);
    resolver.update('users', list().slice(1));
    expect(await Promise.all(streams)).toEqual([3, 3, 3]);
    // A server shuts down gracefully only when nobody is connected any longer.
    await promisify(servers[0]!.server.tryShutdown.bind(servers[0]!.server))();
  });

  it('rejects with a ConnectError that says why there is no endpoint, and when the caller gave up waiting', async () => {
    const client = connect();
    resolver.update('users', []);
    const signal = AbortSignal.timeout(50);
    const gaveUp = await client.get({ id: '1' }, { signal }).catch((error) => error);
    expect(ConnectError.from(gaveUp).code).toBeOneOf([Code.Canceled, Code.DeadlineExceeded]);
    const impatient = meshTransport(mesh, { service: 'users', waitForReadyMs: 10 });
    transports.push(impatient);
    const none = await (createClient(describeUsers(), impatient) as never as UsersClient)
      .get({ id: '1' })
      .catch((e) => e);
    expect(none).toMatchObject({ code: Code.Unavailable, cause: { code: 'FAIRLEAD_NO_ENDPOINT' } });
  });

  it('refuses options that are wrong', () => {
    connect();
    expect(() => meshTransport(mesh, { service: '' })).toThrow(/meshTransport\.service is ""/);
    expect(() => meshTransport(mesh, { service: 'users', policy: 'fastest' })).toThrow(/"fastest": allowed is one of/);
    expect(() => meshTransport(mesh, { service: 'users', polcy: 'random' } as never)).toThrow(/polcy is not an option/);
  });
});
