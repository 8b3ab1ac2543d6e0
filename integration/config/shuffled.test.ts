import type { ServerResponse } from 'node:http';
import { createMesh } from 'fairlead';
import { type ConfigDocument, createConfigStore } from 'fairlead/config';
import { createGateway } from 'fairlead/gateway';
import { seededRandom } from 'fairlead/testing';
import { expect, it } from 'vitest';
import { until } from '../harness/until.js';
import { Backend } from '../http/support.js';

const VERSIONS = ['1', '2', '3'];

it('documents with splits, a canary and routes, in any order while requests run, fail none and keep what they share', async () => {
  const answers = (version: string) => (_: unknown, response: ServerResponse) => void response.end(version);
  const backends = await Promise.all(VERSIONS.map((version) => new Backend(version, answers(version)).listen()));
  const users = backends.map(({ port }, i) => ({
    id: `v${VERSIONS[i]}`,
    host: '127.0.0.1',
    port,
    meta: { version: VERSIONS[i]! },
  }));
  // A service that a document has no longer takes no calls: all of them have it.
  const base = { resolver: { static: { users } }, services: { users: {} } };
  const canary = { arm: 'v2', steps: [{ share: 40, minMs: 3_600_000 }] };
  const v2 = { share: 0, version: '2' };
  const routed = (name: string, more: object = {}) => ({ routes: [{ name, service: 'users', ...more }] });
  // Each has the same canary, beside another arm, lanes, a shadow, other routes, or other options.
  const documents: readonly ConfigDocument[] = [
    { ...base, routing: { users: { split: { name: 'u', arms: { v2 } }, canary } }, gateway: routed('all') },
    {
      ...base,
      routing: { users: { split: { name: 'u', arms: { v2, v3: { share: 10, version: '3' } } }, canary } },
      gateway: routed('all', { timeouts: { responseMs: 60_000 } }),
    },
    {
      ...base,
      routing: { users: { split: { name: 'u', arms: { v2 } }, canary, lanes: true } },
      gateway: routed('other'),
    },
    {
      ...base,
      services: { users: { policy: 'random', resilience: { retry: { maxAttempts: 2 } } } },
      routing: {
        users: {
          split: { name: 'u', arms: { v2, v3: { share: 0, version: '3' } } },
          canary,
          shadow: { arm: 'v3', share: 50 },
        },
      },
      gateway: routed('all'),
    },
    {
      ...base,
      services: { users: { health: [] } },
      routing: {
        users: { split: { name: 'u', arms: { v2 }, rules: [{ arm: 'v2', labels: { 'x-beta': '1' } }] }, canary },
      },
      gateway: routed('all', { fallback: { body: 'sorry' } }),
    },
  ];
  const random = seededRandom(5);
  const mesh = createMesh({ random: seededRandom(9) });
  const config = createConfigStore(mesh, { compare: false });
  const gateway = createGateway(mesh, { routes: [{ service: 'users' }] });
  try {
    await config.apply(documents[0]!);
    gateway.follow(config);
    const url = `http://127.0.0.1:${await gateway.listen(0, '127.0.0.1')}`;
    const wrong: unknown[] = [];
    let done = false;
    let asked = 0;
    const client = async (): Promise<void> => {
      while (!done) {
        const response = await fetch(url);
        const body = await response.text();
        if (response.status !== 200 || !VERSIONS.includes(body)) wrong.push([response.status, body]);
        asked++;
      }
    };
    const clients = [client(), client(), client()];
    const first = config.canary('users')!;
    const { stepSinceMs } = first.status;
    let counted = { v2: 0, baseline: 0 };
    for (let turn = 0; turn < 5; turn++) {
      const left = [...documents];
      while (left.length > 0) {
        const [next] = left.splice(random.below(left.length), 1);
        await config.apply(next!);
        const enough = asked + 15;
        await until('requests go on', () => asked >= enough);
        const { arms } = config.routing('users')!.status;
        const now = { v2: arms.v2!.calls, baseline: arms.baseline!.calls };
        expect(now.v2).toBeGreaterThanOrEqual(counted.v2);
        expect(now.baseline).toBeGreaterThanOrEqual(counted.baseline);
        counted = now;
        expect(arms.v2!.share).toBe(40);
        expect(config.canary('users')).toBe(first);
        expect(first.status).toMatchObject({ state: 'running', stepSinceMs });
      }
    }
    done = true;
    await Promise.all(clients);
    expect(wrong).toEqual([]);
    expect(counted.v2).toBeGreaterThan(50);
    // An arm that is taken away has no share to lose: a rollback by hand then is no error.
    await config.apply({ ...documents[0]!, routing: { users: { lanes: true } } });
    first.rollBack('by hand');
    expect(first.status.state).toBe('stopped');
    expect((await fetch(url)).status).toBe(200);
  } finally {
    await gateway.close({ deadlineMs: 0 });
    await mesh.close({ deadlineMs: 0 });
    await Promise.all(backends.map((backend) => backend[Symbol.asyncDispose]()));
  }
});
