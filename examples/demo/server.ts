import grpc from '@grpc/grpc-js';
import { type GetRequest, type User, usersService } from './users.js';

/**
 * One server of the demo: plain grpc-js, and plain HTTP to Consul. It knows nothing of fairlead; it
 * could be written in any language.
 *
 *     server.ts <id> <mean delay in ms> <registry host:port>
 */
const [id = 'server', delay = '5', registry = '127.0.0.1:8500'] = process.argv.slice(2);
const delayMs = Number(delay);

/** Longer than the demo's heartbeats by a factor that outlasts a busy machine. */
const TTL_MS = 4_000;
const HEARTBEAT_MS = 500;

const server = new grpc.Server();
server.addService(usersService, {
  get(call: grpc.ServerUnaryCall<GetRequest, User>, callback: grpc.sendUnaryData<User>) {
    // Half to one and a half times the mean: no two answers of a real server take the same time
    // either.
    const workMs = delayMs * (0.5 + Math.random());
    setTimeout(() => callback(null, { id: call.request.id, name: `user ${call.request.id}`, servedBy: id }), workMs);
  },
});

const port = await new Promise<number>((resolve, reject) => {
  server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
    error === null ? resolve(bound) : reject(error),
  );
});

async function put(path: string, body?: unknown): Promise<void> {
  const response = await fetch(`http://${registry}/v1/agent/${path}`, {
    method: 'PUT',
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(HEARTBEAT_MS * 4),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
}

await put('service/register', {
  ID: id,
  Name: 'users',
  Address: '127.0.0.1',
  Port: port,
  Check: { CheckID: `beat:${id}`, TTL: `${TTL_MS}ms`, Status: 'passing' },
});
const heartbeat = setInterval(() => {
  put(`check/pass/beat:${id}`).catch(() => {
    // The next one may get through; if none does, Consul says so to everybody.
  });
}, HEARTBEAT_MS);
process.send?.({ port });

/** Leaves the registry first, then finishes the calls in progress. */
async function leave(): Promise<void> {
  clearInterval(heartbeat);
  await put(`service/deregister/${id}`).catch(() => {});
  server.tryShutdown(() => process.exit(0));
}
process.once('SIGTERM', () => void leave());
// Whoever started it is gone: nothing may be left running.
process.once('disconnect', () => process.exit(0));
// Ctrl-C reaches the whole process group; the demo ends its servers itself.
process.on('SIGINT', () => {});
