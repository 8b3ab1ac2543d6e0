import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startEmbeddedRegistry } from './embedded-registry.js';

/** Where servers register and the client looks them up. */
export interface Registry {
  /** `host:port` of the HTTP API. */
  readonly address: string;
  /** What it is, to be shown. */
  readonly description: string;
  stop(): Promise<void>;
  /** As `stop`, for a process that is about to exit itself. */
  stopNow(): void;
}

/** Where the tests' harness keeps the native servers that it fetched. */
const CACHE = fileURLToPath(new URL('../../.services', import.meta.url));
const START_TIMEOUT_MS = 10_000;

/** A Consul agent where the machine has one, otherwise the registry that the demo brings along. */
export async function startRegistry(): Promise<Registry> {
  const embeddedWanted = process.env.DEMO_REGISTRY === 'embedded';
  if (!embeddedWanted) {
    for (const binary of findConsul()) {
      const agent = await startConsul(binary).catch(() => undefined);
      if (agent !== undefined) return agent;
    }
  }
  const embedded = await startEmbeddedRegistry();
  const why = embeddedWanted ? 'as DEMO_REGISTRY says' : 'no Consul found on this machine';
  const description = `embedded registry with Consul's HTTP API at ${embedded.address} (${why})`;
  return { address: embedded.address, description, stop: embedded.close, stopNow: () => {} };
}

/** Candidates, best first. */
function findConsul(): string[] {
  const candidates = (process.env.PATH ?? '').split(':').map((folder) => join(folder || '.', 'consul'));
  if (existsSync(CACHE)) {
    for (const folder of readdirSync(CACHE)) candidates.push(join(CACHE, folder, 'usr', 'bin', 'consul'));
  }
  return candidates.filter((path) => existsSync(path) && spawnSync(path, ['version'], { timeout: 5_000 }).status === 0);
}

async function startConsul(binary: string): Promise<Registry> {
  const [http, serf, wan, rpc] = (await freePorts(4)) as [number, number, number, number];
  const data = mkdtempSync(join(tmpdir(), 'fairlead-demo-consul-'));
  const ports = [`-http-port=${http}`, `-serf-lan-port=${serf}`, `-serf-wan-port=${wan}`, `-server-port=${rpc}`];
  const args = ['agent', '-dev', '-node=demo', '-client=127.0.0.1', '-bind=127.0.0.1', '-log-level=err', ...ports];
  const child = spawn(binary, [...args, '-dns-port=-1', '-grpc-port=-1', ...hcl()], {
    cwd: data,
    stdio: 'ignore',
    // A group of its own: Ctrl-C shall reach the demo, which then ends the agent in its turn.
    detached: true,
  });
  // Whatever kept it from starting, the wait below finds that it does not answer.
  child.on('error', () => {});
  const stop = async (): Promise<void> => {
    await end(child);
    rmSync(data, { recursive: true, force: true });
  };
  const stopNow = (): void => {
    child.kill('SIGKILL');
    rmSync(data, { recursive: true, force: true });
  };
  const address = `127.0.0.1:${http}`;
  try {
    await untilItHasALeader(address, child);
  } catch (error) {
    await stop();
    throw error;
  }
  return { address, description: `Consul agent at ${address} (${binary})`, stop, stopNow };
}

/** A demo needs no telemetry home and no update check. */
function hcl(): string[] {
  return ['-hcl', 'disable_update_check = true'];
}

async function untilItHasALeader(address: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) break;
    const leader = await fetch(`http://${address}/v1/status/leader`, { signal: AbortSignal.timeout(1_000) })
      .then((response) => response.json())
      .catch(() => '');
    if (leader !== '') return;
    await sleep(50);
  }
  throw new Error('Consul did not start');
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/** Ports that were free a moment ago, all different because all were held at once. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
