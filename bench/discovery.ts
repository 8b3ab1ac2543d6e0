/**
 * From a change in Consul to a changed pick, beside a bare blocking query on the same agent; and
 * how long an update of 5,000 instances stops the event loop. `npm run bench:discovery`
 */
import { Agent, get } from 'node:http';
import { createMesh, type Mesh, Outcome } from 'fairlead';
import { consulResolver } from 'fairlead/consul';
import { type Consul, startConsul } from '../integration/harness/index.js';

const CHANGES = 60;
const UPDATES = 6;
const INSTANCES = Number(process.argv[2] ?? 5_000);

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const quantile = (sorted: readonly number[], q: number): string =>
  sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!.toFixed(1);
const show = (name: string, values: readonly number[]): void => {
  const sorted = [...values].sort((a, b) => a - b);
  const [p50, p95] = [quantile(sorted, 0.5), quantile(sorted, 0.95)];
  console.log(`${name.padEnd(44)} p50 ${p50} ms   p95 ${p95} ms   max ${quantile(sorted, 1)} ms`);
};

/**
 * The least one can do: one blocking query, its body read and parsed. Resolves with the next index.
 */
function bareQuery(consul: Consul, agent: Agent, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host: consul.host, port: consul.port, path, agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        JSON.parse(Buffer.concat(chunks).toString());
        resolve(String(response.headers['x-consul-index']));
      });
      response.on('error', reject);
    }).on('error', reject);
  });
}

async function changeToPick(consul: Consul, mesh: Mesh): Promise<void> {
  await consul.register({ Name: 'users', ID: 'users-1', Address: '127.0.0.1', Port: 5_000 });
  const service = mesh.service('users');
  await service.ready();
  const agent = new Agent({ keepAlive: true });
  const path = '/v1/health/service/users?stale=1';
  let index = await bareQuery(consul, agent, path);
  const bare: number[] = [];
  const ours: number[] = [];
  for (let i = 1; i <= CHANGES; i++) {
    // Quiet before each change, so that the token bucket is full and both of them are waiting.
    await pause(300);
    let startMs = 0;
    const next = bareQuery(consul, agent, `${path}&index=${index}&wait=30s`).then((found) => {
      index = found;
      return performance.now();
    });
    const picked = new Promise<number>((resolve) => {
      const stop = service.on('rotation', () => {
        const lease = service.acquire();
        lease.done(Outcome.Success);
        if (lease.endpoint.spec.port !== 5_000 + i) return;
        stop();
        resolve(performance.now());
      });
    });
    await pause(20);
    startMs = performance.now();
    await consul.register({ Name: 'users', ID: 'users-1', Address: '127.0.0.1', Port: 5_000 + i });
    bare.push((await next) - startMs);
    ours.push((await picked) - startMs);
  }
  agent.destroy();
  show('change to answer, bare blocking query', bare);
  show('change to changed pick, fairlead', ours);
  show(
    'difference, change by change',
    ours.map((ms, i) => ms - bare[i]!),
  );
}

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

async function stallOfLargeUpdates(consul: Consul, mesh: Mesh): Promise<void> {
  for (let i = 0; i < INSTANCES; i += 8) {
    const batch = Array.from({ length: Math.min(8, INSTANCES - i) }, (_, j) => entryOf(i + j));
    await Promise.all(batch.map((entry) => consul.api('PUT', '/v1/catalog/register', entry)));
  }
  const idle = new TurnMeter();
  await pause(1_000);
  console.log(`longest turn of an idle loop: ${idle.stop().wallMs.toFixed(1)} ms, CPU ${idle.cpuMs.toFixed(1)} ms`);
  const agent = new Agent({ keepAlive: true });
  const wholes: number[] = [];
  const wholesCpu: number[] = [];
  for (let i = 0; i < UPDATES; i++) {
    const meter = new TurnMeter();
    await bareQuery(consul, agent, '/v1/health/service/big?stale=1');
    // The turn that parsed is measured when the next one begins.
    await pause(20);
    meter.stop();
    wholes.push(meter.wallMs);
    wholesCpu.push(meter.cpuMs);
  }
  agent.destroy();
  show('bare query, body parsed at once: wall clock', wholes);
  show('bare query, body parsed at once: CPU time', wholesCpu);
  let weight = 2;
  for (const policy of ['round_robin', 'peak_ewma']) {
    const first = new TurnMeter();
    const service = mesh.service(`big ${policy}`, { policy, discovery: { name: 'big', zoneKey: policy } });
    await service.ready();
    await pause(50);
    console.log(
      `${policy}: first list of ${service.endpoints.length}: ${first.stop().wallMs.toFixed(1)} ms, CPU ${first.cpuMs.toFixed(1)} ms`,
    );
    const wall: number[] = [];
    const cpu: number[] = [];
    for (let update = 0; update < UPDATES; update++) {
      await pause(300);
      const changed = new Promise<void>((resolve) => {
        const stop = service.on('endpoints', () => {
          stop();
          resolve();
        });
      });
      const meter = new TurnMeter();
      await consul.api('PUT', '/v1/catalog/register', entryOf(update, weight++));
      await changed;
      await pause(20);
      meter.stop();
      wall.push(meter.wallMs);
      cpu.push(meter.cpuMs);
    }
    show(`${policy}: longest turn, wall clock`, wall);
    show(`${policy}: longest turn, CPU time`, cpu);
    await service.close();
  }
}

await using consul = await startConsul();
await using mesh = createMesh({ resolver: consulResolver({ address: consul.url, env: {} }) });
await changeToPick(consul, mesh);
await mesh.service('users').close();
await stallOfLargeUpdates(consul, mesh);
