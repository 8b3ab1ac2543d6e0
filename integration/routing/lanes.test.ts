import { once } from 'node:events';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClient } from '@connectrpc/connect';
import {
  Client,
  credentials,
  Server as GrpcServer,
  Metadata,
  ServerCredentials,
  type ServerUnaryCall,
} from '@grpc/grpc-js';
import { createMesh, type EndpointInput, type Mesh, staticResolver } from 'fairlead';
import { createFairleadTransport } from 'fairlead/connect';
import { registerGrpc } from 'fairlead/grpc';
import { createDispatcher } from 'fairlead/http';
import { laneOf, routeCalls, withLane } from 'fairlead/routing';
import { fetch } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Echo, EchoServer } from '../connect/support.js';

const write = (value: object): Buffer => Buffer.from(JSON.stringify(value));
const read = (bytes: Buffer): { path: string[] } => JSON.parse(bytes.toString());
const method = {
  path: '/test.Stock/Get',
  requestStream: false,
  responseStream: false,
  requestSerialize: write,
  requestDeserialize: read,
  responseSerialize: write,
  responseDeserialize: read,
};

const closing: (() => unknown)[] = [];
/** Each service has a mesh of its own, as processes have: a lane can only travel with the calls. */
const listed: Record<'orders' | 'stock' | 'prices', EndpointInput[]> = { orders: [], stock: [], prices: [] };

function meshFor(service: keyof typeof listed): Mesh {
  const mesh = createMesh({ resolver: staticResolver({ [service]: listed[service] }) });
  routeCalls(mesh.service(service), { lanes: true });
  closing.push(() => mesh.close({ deadlineMs: 1_000 }));
  return mesh;
}

const meta = (lane: string): Record<string, string> => (lane === 'base' ? {} : { lane });

async function listen(server: HttpServer): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** The last of the chain, over Connect. */
async function startPrices(lane: string): Promise<void> {
  const server = await new EchoServer(`prices-${lane}`).start();
  closing.push(() => server.kill());
  listed.prices.push({ ...server.endpoint, meta: meta(lane) });
}

/** The second, over gRPC, which asks for prices. */
async function startStock(lane: string): Promise<void> {
  const transport = createFairleadTransport(meshFor('prices'), { service: 'prices' });
  const prices = createClient(Echo, transport);
  const server = new GrpcServer();
  const definition = { Get: method };
  server.addService(definition as never, {
    Get: (call: ServerUnaryCall<unknown, unknown>, done: (error: Error | null, value?: object) => void) => {
      withLane(laneOf(call.metadata), () => {
        prices.read({}).then(
          ({ value }) => done(null, { path: [`stock-${lane}`, value] }),
          (error: Error) => done(error),
        );
      });
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  closing.push(() => server.forceShutdown());
  listed.stock.push({ id: `stock-${lane}`, host: '127.0.0.1', port, meta: meta(lane) });
}

/** The first, over HTTP, which asks for stock. */
async function startOrders(lane: string): Promise<void> {
  const mesh = meshFor('stock');
  const scheme = `fairlead-${lane}`;
  const registration = registerGrpc(mesh, { scheme });
  const client = new Client(`${scheme}:///stock`, credentials.createInsecure());
  closing.push(() => {
    client.close();
    registration.close();
  });
  const server = createServer((request, response) => {
    withLane(laneOf(request.headers), () => {
      client.makeUnaryRequest(method.path, write, read, {}, new Metadata(), (error, value) => {
        if (error) response.writeHead(500).end(error.message);
        else response.end(JSON.stringify({ path: [`orders-${lane}`, ...value!.path] }));
      });
    });
  });
  const port = await listen(server);
  listed.orders.push({ id: `orders-${lane}`, host: '127.0.0.1', port, meta: meta(lane) });
}

let ask: (lane?: string) => Promise<string[]>;

beforeAll(async () => {
  await startPrices('base');
  await startPrices('x');
  await startPrices('y');
  await startStock('base');
  await startStock('y');
  await startOrders('base');
  await startOrders('x');
  const dispatcher = createDispatcher(meshFor('orders'));
  closing.push(() => dispatcher.close());
  ask = async (lane) => {
    const response = await withLane(lane, () => fetch('http://orders/', { dispatcher }));
    return ((await response.json()) as { path: string[] }).path;
  };
});

afterAll(async () => {
  for (const close of closing.reverse()) await close();
});

describe('a lane through HTTP, gRPC and Connect', () => {
  it('travels with each call, past services that have no instance in it', async () => {
    expect(await ask('x')).toEqual(['orders-x', 'stock-base', 'prices-x']);
    expect(await ask('y')).toEqual(['orders-base', 'stock-y', 'prices-y']);
    expect(await ask('z')).toEqual(['orders-base', 'stock-base', 'prices-base']);
    expect(await ask()).toEqual(['orders-base', 'stock-base', 'prices-base']);
  });

  it('is that of each request, also where many are under way at once', async () => {
    const lanes = Array.from({ length: 60 }, (_, i) => ['x', 'y', undefined][i % 3]);
    const paths = await Promise.all(lanes.map((lane) => ask(lane)));
    for (const [i, lane] of lanes.entries()) expect(paths[i]!.at(-1)).toBe(`prices-${lane ?? 'base'}`);
  });
});
