import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMesh, type EndpointInput, staticResolver } from 'fairlead';
import { createDispatcher } from 'fairlead/http';
import { laneOf, routeCalls, withLane } from 'fairlead/routing';
import { fetch } from 'undici';

/**
 * Lanes: branches beside one staging cluster. Of a chain front → orders → stock only `stock` runs
 * in the lane `feature-x`, and a request of that lane reaches it, through an `orders` that knows
 * nothing of the branch.
 *
 *     npx tsx --conditions=fairlead-source examples/lanes.ts
 */
const stops: (() => unknown)[] = [];
const stock = [
  await serve('stock', async () => ''),
  { ...(await serve('stock of feature-x', async () => '')), meta: { lane: 'feature-x' } },
];
const toStock = clientOf('stock', stock);
// What a handler calls is of the lane of its request, and carries it on by itself.
const orders = [await serve('orders', (request) => withLane(laneOf(request.headers), toStock))];
const toOrders = clientOf('orders', orders);

console.log(`no lane: ${await toOrders()}`);
console.log(`feature-x: ${await withLane('feature-x', toOrders)}`);
console.log(`a lane that nobody is in: ${await withLane('feature-y', toOrders)}`);
for (const stop of stops) await stop();

/** A mesh of its own for each, as processes have. */
function clientOf(service: string, endpoints: readonly EndpointInput[]): () => Promise<string> {
  const mesh = createMesh({ resolver: staticResolver({ [service]: endpoints }) });
  routeCalls(mesh.service(service), { lanes: true });
  const dispatcher = createDispatcher(mesh);
  stops.unshift(() => mesh.close());
  return () => fetch(`http://${service}/`, { dispatcher }).then((response) => response.text());
}

async function serve(
  name: string,
  next: (request: IncomingMessage) => Promise<string>,
): Promise<{ host: string; port: number }> {
  const server = createServer(async (request, response) => {
    const rest = await next(request);
    response.end(rest === '' ? name : `${name}, ${rest}`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(() => server.close());
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}
