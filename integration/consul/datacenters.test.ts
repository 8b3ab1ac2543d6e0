import { createMesh, Outcome, type Service } from 'fairlead';
import { createConfigStore } from 'fairlead/config';
import { consulResolver } from 'fairlead/consul';
import { fallback } from 'fairlead/sources';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Consul, startConsul, until } from '../harness/index.js';
import { users, wait } from './world.js';

interface Federation extends AsyncDisposable {
  readonly dc1: Consul;
  readonly dc2: Consul;
}

/** Two datacenters, each of one server, that know each other. */
async function federation(): Promise<Federation> {
  const dc1 = await startConsul({ persist: true, config: { datacenter: 'dc1' } });
  const { DebugConfig } = await dc1.api<{ DebugConfig: { SerfPortWAN: number } }>('GET', '/v1/agent/self');
  const wan = { retry_join_wan: [`127.0.0.1:${DebugConfig.SerfPortWAN}`], retry_interval_wan: '1s' };
  const dc2 = await startConsul({ config: { datacenter: 'dc2', node_name: 'agent2', ...wan } });
  const dispose = async () => void (await Promise.all([dc1, dc2].map((each) => each[Symbol.asyncDispose]())));
  try {
    for (const [from, to] of [
      [dc1, 'dc2'],
      [dc2, 'dc1'],
    ] as const) {
      await until(`${to} is reached`, () =>
        from.api('GET', `/v1/catalog/nodes?dc=${to}`).then(
          (nodes) => (nodes as unknown[]).length > 0,
          () => false,
        ),
      );
    }
  } catch (thrown) {
    await dispose();
    throw thrown;
  }
  return { dc1, dc2, [Symbol.asyncDispose]: dispose };
}

async function register(consul: Consul, id: string, port: number): Promise<void> {
  await consul.register(users(id, port, { Check: { CheckID: id, TTL: '10m', Status: 'passing' } }));
}

const turn = (consul: Consul, id: string, state: 'pass' | 'fail'): Promise<unknown> =>
  consul.api('PUT', `/v1/agent/check/${state}/${id}`);

/** Where ten calls went. */
function called(service: Service): string {
  const ids = new Set<string>();
  for (let at = 0; at < 10; at++) {
    const lease = service.acquire();
    ids.add(lease.endpoint.spec.id);
    lease.done(Outcome.Success);
  }
  return [...ids].sort().join();
}

const RETURN_MS = 1_500;
const TIMES = { patienceMs: 300, returnMs: RETURN_MS };
const QUICK = { env: {}, confirmMs: 100, graceMs: 200 };

describe('federated datacenters of Consul, in an order that is prepared', () => {
  it('serve from the first; from the second while the first has no instance that is well; and return late', async () => {
    await using world = await federation();
    const { dc1, dc2 } = world;
    await Promise.all([register(dc1, 'a1', 5_001), register(dc1, 'a2', 5_002), register(dc2, 'b1', 6_001)]);
    // One agent answers for both.
    const consul = consulResolver({ address: dc1.url, ...QUICK });
    const sources = [
      { name: 'here', resolver: consul },
      { name: 'there', resolver: consul, discovery: { datacenter: 'dc2' } },
    ];
    const mesh = createMesh({ resolver: fallback(sources, TIMES) });
    onTestFinished(() => mesh.close());
    const service = mesh.service('users', { policy: 'round_robin' });
    await until('the first serves', () => service.usedEndpoints.length === 2);
    expect(called(service)).toBe('a1,a2');
    await turn(dc1, 'a1', 'fail');
    await until('one is left of the first', () => service.usedEndpoints.length === 1);
    expect(called(service)).toBe('a2');
    await turn(dc1, 'a2', 'fail');
    await until('the second serves', () => service.usedEndpoints[0]?.spec.id === 'b1');
    expect(called(service)).toBe('b1');
    // What changes in the second is seen at once, through the agent of the first.
    await register(dc2, 'b2', 6_002);
    await until('both of the second', () => service.usedEndpoints.length === 2);
    // Well for a moment only: it does not flap.
    const moved: string[] = [];
    service.on('endpoints', ({ arrived }) => moved.push(...arrived.map(({ spec }) => spec.id)));
    await turn(dc1, 'a1', 'pass');
    await wait(RETURN_MS / 3);
    await turn(dc1, 'a1', 'fail');
    await wait(RETURN_MS);
    expect(moved).toEqual([]);
    expect(called(service)).toBe('b1,b2');
    await turn(dc1, 'a1', 'pass');
    await until('the first serves again', () => service.usedEndpoints[0]?.spec.id === 'a1');
    await dc1.deregister('a1');
    await dc1.deregister('a2');
    await until('the second serves where the first lists nothing', () => service.usedEndpoints.length === 2);
    expect(called(service)).toBe('b1,b2');
  });

  it('serve from the second while the server of the first is gone, by a document; and return', async () => {
    await using world = await federation();
    const { dc1, dc2 } = world;
    await Promise.all([register(dc1, 'a1', 5_001), register(dc2, 'b1', 6_001)]);
    const mesh = createMesh();
    onTestFinished(() => mesh.close());
    const config = createConfigStore(mesh, { compare: false });
    const { env: _, ...quick } = QUICK;
    const source = (name: string, { url }: Consul) => ({
      name,
      resolver: { consul: { address: url, ...quick, waitMs: 1_000 } },
    });
    const resolver = { fallback: { ...TIMES, maxAgeMs: 3_000, sources: [source('here', dc1), source('there', dc2)] } };
    await config.apply({ resolver, services: { users: {} } });
    const service = mesh.service('users');
    await until('the first serves', () => service.usedEndpoints[0]?.spec.id === 'a1');
    await dc1.kill();
    // Until its list is too old its instances may still be well: the list stays.
    expect(called(service)).toBe('a1');
    await until('the second serves', () => service.usedEndpoints[0]?.spec.id === 'b1');
    await dc1.restart();
    // A server that was restarted does not know how its instances are.
    await turn(dc1, 'a1', 'pass');
    await until('the first serves again', () => service.usedEndpoints[0]?.spec.id === 'a1');
    expect(called(service)).toBe('a1');
  });
});
