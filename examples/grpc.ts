import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { createMesh, staticResolver } from 'fairlead';
import { registerGrpc } from 'fairlead/grpc';

/**
 * Any grpc-js client, balanced call by call. Put `consulResolver()` of `fairlead/consul` in place
 * of `staticResolver()` and the servers may come and go.
 *
 *     npx tsx --conditions=fairlead-source examples/grpc.ts
 */
const definition = loadSync(fileURLToPath(new URL('./proto/users.proto', import.meta.url)));
const { Users } = grpc.loadPackageDefinition(definition).users as never as { Users: UsersConstructor };
const servers = await Promise.all(['a', 'b', 'c'].map((name) => serve(name)));

const mesh = createMesh({ resolver: staticResolver({ users: servers.map(({ address }) => address) }) });
registerGrpc(mesh);
const users = new Users('fairlead:///users?policy=peak_ewma', grpc.credentials.createInsecure());

const get = promisify(users.get.bind(users));
const served: Record<string, number> = {};
for (let i = 0; i < 300; i++) {
  const { servedBy } = await get({ id: String(i) });
  served[servedBy] = (served[servedBy] ?? 0) + 1;
}
console.log('served by', Object.keys(served).sort().join(', '));

users.close();
await mesh.close();
for (const { server } of servers) server.forceShutdown();

interface User {
  readonly id: string;
  readonly name: string;
  readonly servedBy: string;
}

interface UsersClient extends grpc.Client {
  get(request: { id: string }, done: (error: grpc.ServiceError | null, user: User) => void): void;
}

type UsersConstructor = (new (
  target: string,
  credentials: grpc.ChannelCredentials,
) => UsersClient) &
  grpc.ServiceClientConstructor;

async function serve(name: string): Promise<{ server: grpc.Server; address: string }> {
  const server = new grpc.Server();
  server.addService(Users.service, {
    get: (call: grpc.ServerUnaryCall<{ id: string }, User>, done: grpc.sendUnaryData<User>) =>
      done(null, { id: call.request.id, name: `user ${call.request.id}`, servedBy: name }),
  });
  const port = await promisify(server.bindAsync.bind(server))('127.0.0.1:0', grpc.ServerCredentials.createInsecure());
  return { server, address: `127.0.0.1:${port}` };
}
