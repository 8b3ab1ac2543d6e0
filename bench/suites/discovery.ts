import { Agent } from 'node:http';
import { createMesh, Outcome, type PolicyName } from 'fairlead';
import { consulResolver } from 'fairlead/consul';
import { median } from '../runner/statistics.js';
import type { Contender, Suite } from '../runner/suite.js';
import { bareQuery } from '../support/bare-query.js';

interface World {
  readonly url: string;
  readonly instances: number;
}

const INSTANCES = 5_000;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const entryOf = (i: number, weight = 1): unknown => ({
  Node: `node-${i}`,
  Address: `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`,
  NodeMeta: { zone: `zone-${i % 3}`, instance_type: 'm6i.2xlarge', kernel: '6.1.0-18-amd64' },
  Service: {
    ID: `big-${i}`,
    Service: 'big',
    Address: `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`,
    Port: 8_080,
    Tags: ['v2', 'grpc', 'production', `zone-${i % 3}`],
    Meta: {
      version: '2.41.7',
      commit: '3f2c1a9d0b7e',
      owner: 'platform',
      zone: `zone-${i % 3}`,
      shard: String(i % 64),
    },
    Weights: { Passing: weight, Warning: 1 },
  },
  Checks: ['grpc', 'http'].map((kind) => ({
    Node: `node-${i}`,
    CheckID: `big-${i}-${kind}`,
    Name: `${kind} check of big-${i}`,
    Status: 'passing',
    ServiceID: `big-${i}`,
    Output: `${kind.toUpperCase()} 10.0.0.1:8080: 200 OK Output: ${'{"status":"SERVING","uptime":123456}'.repeat(6)}`,
  })),
});

/**
 * The longest turn of the event loop, by the wall clock and by the CPU time of the process: on a
 * busy machine the wall clock also counts the turns of others.
 */
class TurnMeter {
  wallMs = 0;
  cpuMs = 0;
  #running = true;
  #lastMs = performance.now();
  #lastCpu = process.cpuUsage();

  constructor() {
    const turn = (): void => {
      const nowMs = performance.now();
      const cpu = process.cpuUsage();
      this.wallMs = Math.max(this.wallMs, nowMs - this.#lastMs);
      const usedUs = cpu.user + cpu.system - this.#lastCpu.user - this.#lastCpu.system;
      this.cpuMs = Math.max(this.cpuMs, usedUs / 1e3);
      this.#lastMs = nowMs;
      this.#lastCpu = cpu;
      if (this.#running) setImmediate(turn);
    };
    setImmediate(turn);
  }

  stop(): this {
    this.#running = false;
    return this;
  }
}

async function put(url: string, path: string, body: unknown): Promise<void> {
  const response = await fetch(`${url}${path}`, { method: 'PUT', body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`Consul answers ${response.status}`);
  await response.arrayBuffer();
}

let port = 5_000;
const move = (url: string): Promise<void> =>
  put(url, '/v1/agent/service/register', { Name: 'users', ID: 'users-1', Address: '127.0.0.1', Port: ++port });

/** From the registration of another port to what follows from it, one change an operation. */
const changing =
  (begin: (world: World) => Promise<{ changed(port: number): Promise<number>; close(): unknown }>) =>
  async (world: World): Promise<Contender> => {
    await move(world.url);
    const { changed, close } = await begin(world);
    return {
      run: async (operations) => {
        const times: number[] = [];
        for (let i = 0; i < operations; i++) {
          // Quiet before each change: the watch is waiting, and its token bucket is full.
          await pause(300);
          const seen = changed(port + 1);
          await pause(20);
          const beganMs = performance.now();
          await move(world.url);
          times.push((await seen) - beganMs);
        }
        return { changeMs: median(times) };
      },
      close: () => void close(),
    };
  };

const bare = changing(async ({ url }) => {
  const agent = new Agent({ keepAlive: true });
  const path = '/v1/health/service/users?stale=1';
  return {
    changed: async () => {
      const index = await bareQuery(url, agent, path);
      await bareQuery(url, agent, `${path}&index=${index}&wait=30s`);
      return performance.now();
    },
    close: () => agent.destroy(),
  };
});

const picked = changing(async ({ url }) => {
  const mesh = createMesh({ resolver: consulResolver({ address: url, env: {} }) });
  const service = mesh.service('users');
  await service.ready();
  return {
    changed: (wanted) =>
      new Promise<number>((resolve) => {
        const stop = service.on('rotation', () => {
          const lease = service.acquire();
          lease.done(Outcome.Success);
          if (lease.endpoint.spec.port !== wanted) return;
          stop();
          resolve(performance.now());
        });
      }),
    close: () => mesh.close(),
  };
});

/** The longest turn of the event loop while one of 5,000 instances changes. */
const parsing = async ({ url }: World): Promise<Contender> => {
  const agent = new Agent({ keepAlive: true });
  return {
    run: async () => {
      const meter = new TurnMeter();
      await bareQuery(url, agent, '/v1/health/service/big?stale=1');
      // The turn that parsed is measured when the next one begins.
      await pause(20);
      meter.stop();
      return { turnCpuMs: meter.cpuMs, turnWallMs: meter.wallMs };
    },
    close: () => agent.destroy(),
  };
};

// Each contender's own: registered twice alike it would be no change, and there would be no end to wait for.
let weight = 2 + (process.pid % 600) * 100;
const updating =
  (policy: PolicyName) =>
  async ({ url }: World): Promise<Contender> => {
    const mesh = createMesh({ resolver: consulResolver({ address: url, env: {} }) });
    const service = mesh.service('big', { policy });
    await service.ready();
    return {
      run: async () => {
        await pause(300);
        const changed = new Promise<void>((resolve) => {
          const stop = service.on('endpoints', () => {
            stop();
            resolve();
          });
        });
        const meter = new TurnMeter();
        await put(url, '/v1/catalog/register', entryOf(weight % 100, weight++));
        await changed;
        await pause(20);
        meter.stop();
        return { turnCpuMs: meter.cpuMs, turnWallMs: meter.wallMs };
      },
      close: () => void mesh.close(),
    };
  };

export const suite: Suite<World> = {
  about: 'from a change in Consul to a changed pick, and the longest turn of an update of 5,000',
  rounds: 5,
  start: async () => {
    const { startConsul } = await import('../../integration/harness/index.js');
    const consul = await startConsul();
    for (let i = 0; i < INSTANCES; i += 8) {
      const batch = Array.from({ length: Math.min(8, INSTANCES - i) }, (_, j) => entryOf(i + j));
      await Promise.all(batch.map((each) => put(consul.url, '/v1/catalog/register', each)));
    }
    return {
      world: { url: consul.url, instances: INSTANCES },
      stop: async () => {
        await consul[Symbol.asyncDispose]();
      },
    };
  },
  cases: [
    {
      title: 'a change in Consul, one instance',
      operations: 10,
      baseline: 'a bare blocking query',
      measure: 'changeMs',
      warmups: 1,
      contenders: { 'a bare blocking query': bare, 'a changed pick of fairlead': picked },
    },
    {
      title: `an update of ${INSTANCES}: the longest turn of the event loop`,
      operations: 1,
      baseline: 'a bare query, parsed at once',
      measure: 'turnCpuMs',
      contenders: {
        'a bare query, parsed at once': parsing,
        'fairlead, round_robin': updating('round_robin'),
        'fairlead, peak_ewma': updating('peak_ewma'),
      },
    },
  ],
};
