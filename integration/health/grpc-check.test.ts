import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttp1 } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type handleUnaryCall, Server, ServerCredentials, status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { grpcCheck } from 'fairlead';
import { afterEach, describe, expect, it } from 'vitest';

const PROTO = `
syntax = "proto3";
package grpc.health.v1;
message HealthCheckRequest { string service = 1; }
message HealthCheckResponse {
  enum ServingStatus { UNKNOWN = 0; SERVING = 1; NOT_SERVING = 2; SERVICE_UNKNOWN = 3; }
  ServingStatus status = 1;
}
service Health { rpc Check(HealthCheckRequest) returns (HealthCheckResponse); }
`;

type Check = handleUnaryCall<{ service: string }, { status: number }>;

const servers: Server[] = [];
const never = new AbortController().signal;

afterEach(() => {
  for (const server of servers.splice(0)) server.forceShutdown();
});

/** A server of another implementation: grpc-js with the published service definition. */
async function serve(check: Check | undefined): Promise<{ host: string; port: number }> {
  const server = new Server();
  servers.push(server);
  if (check !== undefined) {
    const directory = mkdtempSync(join(tmpdir(), 'fairlead-health-'));
    const file = join(directory, 'health.proto');
    writeFileSync(file, PROTO);
    const definition = loadSync(file, { defaults: true })['grpc.health.v1.Health'];
    rmSync(directory, { recursive: true });
    server.addService(definition as never, { Check: check });
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { host: '127.0.0.1', port };
}

describe('grpcCheck at a grpc-js server', () => {
  it.each([
    [0, 'UNKNOWN'],
    [2, 'NOT_SERVING'],
    [3, 'SERVICE_UNKNOWN'],
  ])('fails on status %d, saying %s', async (answer, name) => {
    const target = await serve((_call, callback) => callback(null, { status: answer }));
    await expect(grpcCheck().ask(target, never)).rejects.toThrow(`the server says ${name} of itself`);
  });

  it('passes on SERVING and asks about the service it is told', async () => {
    const asked: string[] = [];
    const target = await serve((call, callback) => {
      asked.push(call.request.service);
      callback(null, { status: 1 });
    });
    const long = `users.${'long'.repeat(100)}`;
    await grpcCheck().ask(target, never);
    await grpcCheck({ service: 'users.Users' }).ask(target, never);
    await grpcCheck({ service: long }).ask(target, never);
    expect(asked).toEqual(['', 'users.Users', long]);
  });

  it('fails on NOT_FOUND and on other errors', async () => {
    const unknown = await serve((_call, callback) => callback({ code: status.NOT_FOUND }));
    await expect(grpcCheck({ service: 'x' }).ask(unknown, never)).rejects.toThrow(
      "the server says SERVICE_UNKNOWN of service 'x'",
    );
    const broken = await serve((_call, callback) => callback({ code: status.INTERNAL }));
    await expect(grpcCheck().ask(broken, never)).rejects.toThrow('answered the health check with gRPC status 13');
  });

  it('passes where the server does not implement the protocol', async () => {
    await grpcCheck().ask(await serve(undefined), never);
  });

  it('gives up when told to', async () => {
    const target = await serve(() => {});
    const abort = new AbortController();
    const asking = grpcCheck().ask(target, abort.signal);
    setTimeout(() => abort.abort(new Error('too late')), 50);
    await expect(asking).rejects.toThrow('too late');
  });

  it('fails where nobody listens, and at a server of HTTP/1', async () => {
    const http1 = createHttp1().listen(0, '127.0.0.1');
    await once(http1, 'listening');
    const { port } = http1.address() as AddressInfo;
    await expect(grpcCheck().ask({ host: '127.0.0.1', port }, never)).rejects.toThrow();
    http1.close();
    await once(http1, 'close');
    await expect(grpcCheck().ask({ host: '127.0.0.1', port }, never)).rejects.toThrow(/ECONNREFUSED/);
  });
});
