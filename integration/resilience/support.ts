import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createMesh, type Endpoint, type Mesh, type Service, type ServiceOptions, staticResolver } from 'fairlead';

const PROGRAM = new URL('./server.mjs', import.meta.url).pathname;

/** An HTTP server in a process of its own. */
export interface HttpServer extends AsyncDisposable {
  readonly port: number;
  readonly process: ChildProcess;
  mode(mode: 'ok' | 'busy' | 'limited' | 'missing' | 'slow' | 'queue'): Promise<void>;
  /** Requests that reached it. */
  seen(): Promise<number>;
}

async function startServer(): Promise<HttpServer> {
  const child = spawn(process.execPath, [PROGRAM], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout!, 'data')) as [Buffer];
  const port = Number(String(line).trim());
  const ask = async (path: string): Promise<string> => (await fetch(`http://127.0.0.1:${port}${path}`)).text();
  return {
    port,
    process: child,
    mode: async (mode) => void (await ask(`/mode/${mode}`)),
    seen: async () => Number(await ask('/seen')),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      // SIGKILL ends a stopped process as well.
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

/** Servers and a service over them. */
export interface Fleet extends AsyncDisposable {
  readonly servers: readonly HttpServer[];
  readonly mesh: Mesh;
  readonly service: Service;
}

export async function startFleet(count: number, options: ServiceOptions): Promise<Fleet> {
  const servers = await Promise.all(Array.from({ length: count }, startServer));
  const mesh = createMesh({ resolver: staticResolver({ web: servers.map(({ port }) => `127.0.0.1:${port}`) }) });
  return {
    servers,
    mesh,
    service: mesh.service('web', options),
    async [Symbol.asyncDispose]() {
      await mesh.close({ deadlineMs: 1_000 });
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    },
  };
}

/** A GET that throws what is no success, with what a classifier needs. */
export async function get({ spec }: Endpoint, signal: AbortSignal): Promise<string> {
  const response = await fetch(`http://${spec.host}:${spec.port}/`, { signal });
  const body = await response.text();
  if (response.ok) return body;
  throw Object.assign(new Error(`${response.status} ${body}`), { status: response.status, headers: response.headers });
}

export interface LoadReport {
  readonly calls: number;
  readonly failed: number;
  readonly errors: readonly unknown[];
}

/**
 * `concurrency` callers, each calling again as soon as it was answered, until `calls` were made.
 * `at` runs once half are.
 */
export async function load(
  call: () => Promise<unknown>,
  { calls, concurrency, half }: { calls: number; concurrency: number; half?: () => unknown },
): Promise<LoadReport> {
  let made = 0;
  const errors: unknown[] = [];
  const caller = async (): Promise<void> => {
    while (made < calls) {
      made++;
      if (made === calls >> 1) await half?.();
      await call().catch((error: unknown) => errors.push(error));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  return { calls: made, failed: errors.length, errors };
}
