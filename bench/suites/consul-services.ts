import { Agent } from 'node:http';
import { createMesh } from 'fairlead';
import { consulResolver } from 'fairlead/consul';
import type { Contender, Suite } from '../runner/suite.js';
import { bareQuery } from '../support/bare-query.js';

interface World {
  readonly url: string;
}

const SERVICES = 200;
/** Of each service. */
const INSTANCES = 3;
/** What fairlead has open at once, as an agent takes 200 connections from an address. */
const READS = 16;
const BLOCKING = 128;
/** Until the agent has noticed that the connections of another contender are gone; milliseconds. */
const SETTLE_MS = 1_000;
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
const nameOf = (i: number): string => `service-${i}`;

async function register(url: string, i: number): Promise<void> {
  for (let instance = 0; instance < INSTANCES; instance++) {
    const body = JSON.stringify({
      Node: `node-${i}-${instance}`,
      Address: `10.0.${i}.${instance}`,
      Service: { ID: `${nameOf(i)}-${instance}`, Service: nameOf(i), Port: 8_080, Tags: ['v2'], Meta: { zone: 'a' } },
      Check: { CheckID: `check-${i}-${instance}`, ServiceID: `${nameOf(i)}-${instance}`, Status: 'passing' },
    });
    const response = await fetch(`${url}/v1/catalog/register`, { method: 'PUT', body });
    if (!response.ok) throw new Error(`Consul answers ${response.status}`);
    await response.arrayBuffer();
  }
}

/**
 * `watched`: a blocking query goes out after each answer, as a watch has it, as many as fairlead's
 * have by default.
 */
const bare =
  (watched: boolean) =>
  ({ url }: World): Contender => ({
    run: async (operations) => {
      await settle();
      const agent = new Agent({ keepAlive: true, maxSockets: READS });
      const blocking = new Agent({ keepAlive: true });
      const path = (i: number): string => `/v1/health/service/${nameOf(i)}?stale=1`;
      const one = async (i: number): Promise<void> => {
        const index = await bareQuery(url, agent, path(i));
        if (watched && i < BLOCKING) bareQuery(url, blocking, `${path(i)}&index=${index}&wait=60s`).catch(() => {});
      };
      await Promise.all(Array.from({ length: operations }, (_, i) => one(i)));
      // What was sent after the last answers belongs to them.
      await new Promise((resolve) => setImmediate(resolve));
      agent.destroy();
      blocking.destroy();
      return undefined;
    },
  });

const fairlead = ({ url }: World): Contender => ({
  run: async (operations) => {
    await settle();
    const resolver = consulResolver({ address: url, env: {} });
    const mesh = createMesh({ resolver });
    await Promise.all(Array.from({ length: operations }, (_, i) => mesh.service(nameOf(i)).ready()));
    await new Promise((resolve) => setImmediate(resolve));
    await mesh.close();
    resolver.close?.();
    return undefined;
  },
});

export const suite: Suite<World> = {
  about: `${SERVICES} services of one Consul agent until all are ready, beside a bare GET for each`,
  rounds: 10,
  start: async () => {
    const { startConsul } = await import('../../integration/harness/index.js');
    const consul = await startConsul({ config: { limits: { http_max_conns_per_client: 2_000 } } });
    for (let i = 0; i < SERVICES; i++) await register(consul.url, i);
    return {
      world: { url: consul.url },
      stop: async () => {
        await consul[Symbol.asyncDispose]();
      },
    };
  },
  cases: [
    {
      title: `${SERVICES} services, a service an operation`,
      operations: SERVICES,
      baseline: 'a GET, parsed',
      targets: { fairlead: 2 },
      // A program does this once, cold.
      warmups: 0,
      rounds: 10,
      contenders: {
        'a GET, parsed': bare(false),
        'a GET, parsed, and a blocking query': bare(true),
        fairlead,
      },
    },
  ],
};
