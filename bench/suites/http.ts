import { createMesh, type PolicyName, staticResolver } from 'fairlead';
import { createDispatcher } from 'fairlead/http';
import { Agent, BalancedPool, type Dispatcher, fetch, Pool } from 'undici';
import type { Case, Contender, Suite } from '../runner/suite.js';
import { startHttpServers } from '../support/http-servers.js';
import { atOnce } from '../support/loop.js';

/**
 * Small GETs over three servers in processes of their own; the same number of connections for all.
 */
type World = readonly number[];

const CONNECTIONS = 24;
const CONCURRENCY = 64;

const requesting = (dispatcher: Dispatcher, origin: string): Contender => ({
  run: async (operations) => {
    await atOnce(operations, CONCURRENCY, async () => {
      const { body } = await dispatcher.request({ origin, path: '/', method: 'GET' });
      await body.text();
    });
    return undefined;
  },
  close: () => dispatcher.destroy(),
});

const fetching = (dispatcher: Dispatcher, url: string): Contender => ({
  run: async (operations) => {
    await atOnce(operations, CONCURRENCY, async () => {
      const response = await fetch(url, { dispatcher });
      await response.text();
    });
    return undefined;
  },
  close: () => dispatcher.destroy(),
});

const mesh = (ports: World, policy: PolicyName): Dispatcher =>
  createDispatcher(
    createMesh({ resolver: staticResolver({ users: ports.map((port) => `127.0.0.1:${port}`) }), defaults: { policy } }),
    { connections: CONNECTIONS / 3 },
  );

const requests: Case<World> = {
  title: `request, ${CONCURRENCY} at once`,
  operations: 2_000,
  baseline: 'undici Pool, 1 server',
  contenders: {
    'undici Pool, 1 server': ([port]) =>
      requesting(new Pool(`http://127.0.0.1:${port}`, { connections: CONNECTIONS }), `http://127.0.0.1:${port}`),
    'undici BalancedPool, 3 servers': (ports) =>
      requesting(
        new BalancedPool(
          ports.map((port) => `http://127.0.0.1:${port}`),
          { connections: CONNECTIONS / 3 },
        ),
        'http://127.0.0.1',
      ),
    'fairlead round_robin': (ports) => requesting(mesh(ports, 'round_robin'), 'http://users'),
    'fairlead least_request': (ports) => requesting(mesh(ports, 'least_request'), 'http://users'),
    'fairlead peak_ewma': (ports) => requesting(mesh(ports, 'peak_ewma'), 'http://users'),
  },
  targets: { 'fairlead round_robin': 1.05, 'fairlead least_request': 1.05, 'fairlead peak_ewma': 1.05 },
};

const fetches: Case<World> = {
  title: `fetch, ${CONCURRENCY} at once`,
  operations: 1_000,
  baseline: 'fetch with an Agent',
  contenders: {
    'fetch with an Agent': ([port]) => fetching(new Agent({ connections: CONNECTIONS }), `http://127.0.0.1:${port}/`),
    'fetch through fairlead': (ports) => fetching(mesh(ports, 'least_request'), 'http://users/'),
  },
  targets: { 'fetch through fairlead': 1.02 },
};

export const suite: Suite<World> = {
  about: "GETs through the dispatcher, beside undici's Pool, BalancedPool and fetch",
  rounds: 21,
  start: startHttpServers,
  cases: [requests, fetches],
};
