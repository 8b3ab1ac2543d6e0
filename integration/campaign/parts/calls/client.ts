import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AffinityOptions,
  consecutiveFailures,
  createMesh,
  type Endpoint,
  type Service,
  type SharedAffinityStore,
} from 'fairlead';
import { redisSessionStore } from 'fairlead/redis';
import { fileResolver } from 'fairlead/sources';
import { Redis } from 'ioredis';
import { Agent } from 'undici';
import type { ClientHistory } from '../../history.js';
import type { ClientContext, ClientPart, RunningClient } from '../../part.js';
import { Operations } from './operations.js';
import type { CallsPlan } from './plan.js';
import { NAME, PREFIX } from './world.js';

/** Longer than an ejection and its probe take once all is well. */
const WELL_WITHIN_MS = 25_000;

/** Without a store, what says how one is asked is refused. */
function affinityOf({ affinity }: CallsPlan, store: SharedAffinityStore | undefined): AffinityOptions {
  const { ttlMs, capacity } = affinity;
  return store === undefined ? { ttlMs, capacity: capacity! } : { ...affinity, store };
}

export const client: ClientPart = {
  async start(context: ClientContext): Promise<RunningClient> {
    const { history } = context;
    const plan = context.options as unknown as CallsPlan;
    const { file, storePort } = context.world as { file: string; storePort: number };
    const redis = plan.sessions === 'store' ? storeAt(storePort) : undefined;
    const store = redis && redisSessionStore(redis, { prefix: PREFIX });
    const mesh = createMesh({ resolver: fileResolver({ path: file, pollMs: 100 }) });
    const service = mesh.service(NAME, {
      policy: plan.policy,
      ...(plan.sessions !== undefined && { affinity: affinityOf(plan, store) }),
      ...(plan.maxEjectionRatio !== undefined && { maxEjectionRatio: plan.maxEjectionRatio }),
      health: [consecutiveFailures({ baseEjectionMs: plan.baseEjectionMs, maxEjectionMs: 5_000 })],
      resilience: { limits: { ...plan.limits, ratePerKey: plan.ratePerKey } },
    });
    watch(service, history);
    await service.ready();
    const agent = new Agent({ connect: { timeout: 500 } });
    const operations = new Operations(service, agent, context, plan);
    const inflight = (): number => service.endpoints.reduce((sum, endpoint) => sum + endpoint.inflight, 0);
    return {
      step: (worker, random) => operations.step(worker, random),
      async final() {
        const isWell = (): boolean => service.endpoints.every(({ state }) => state === 'ready');
        for (let waitedMs = 0; !isWell() && waitedMs < WELL_WITHIN_MS; waitedMs += 50) {
          await operations.probe();
          await sleep(50);
        }
        if (!isWell()) history.complain('a server that is well stays out of use', service.endpoints.map(stateOf));
        if (inflight() > 0) history.complain('calls are counted in flight although none is', inflight());
        await operations.final();
      },
      async end() {
        await mesh.close({ deadlineMs: 3_000 });
        await agent.close();
        redis?.disconnect();
      },
    };
  },
};

const stateOf = ({ spec, state }: Endpoint): string => `${spec.id} ${state}`;

/** As a careful program has it: what cannot be asked now is told at once. */
function storeAt(port: number): Redis {
  const redis = new Redis(port, '127.0.0.1', {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: 1_000,
    retryStrategy: () => 100,
    // Redis 7 needs nothing of its third protocol here.
    protocol: 2,
  } as never);
  redis.on('error', () => {});
  return redis;
}

/** What the service says of itself, beside the calls: who is in use, and which session moved. */
function watch(service: Service, history: ClientHistory): void {
  const grounds = new Map<string, string>();
  const tell = (name: string, key: string, input: unknown): void => history.invoke(0, name, key, input).ok();
  service.on('error', () => {});
  service.on('rotation', () =>
    tell(
      'in-use',
      '',
      service.endpoints.filter(isReady).map(({ spec }) => spec.id),
    ),
  );
  service.on('ejected', ({ endpoint, grounds: why, enforced, refusedBy }) => {
    if (enforced) grounds.set(endpoint.spec.id, why);
    const out = service.endpoints.filter(({ state }) => state === 'ejected' || state === 'probing');
    const those = Object.fromEntries(out.map(({ spec }) => [spec.id, grounds.get(spec.id)]));
    tell('ejected', endpoint.spec.id, { why, enforced, refusedBy, members: service.endpoints.length, out: those });
  });
  service.on('returned', ({ spec }) => tell('returned', spec.id, undefined));
  service.on('affinity', ({ key, ...move }) => tell('moved', key, move));
  service.on('sessionsFull', ({ strangers }) => tell('full', '', strangers));
}

const isReady = ({ state }: Endpoint): boolean => state === 'ready';
