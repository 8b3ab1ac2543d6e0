import { createAdmin } from 'fairlead/admin';
import { monitorMesh } from 'fairlead/monitor';
import pc from 'picocolors';
import { type Client, createClient } from './client.js';
import { Fleet } from './fleet.js';
import { Load } from './load.js';
import { Neighbours } from './neighbours/neighbours.js';
import { startRegistry } from './registry.js';
import { FIRST_SERVERS, type Finding, play } from './scenes.js';
import { createScreen } from './screen.js';
import { Watch } from './watch.js';

/**
 * What fairlead does, on real parts: a registry, gRPC servers in processes of their own, and a
 * client that calls them while they are killed, hung, woken and joined by others. Ends by itself;
 * exit code 0 only if every claim held.
 *
 *     npm run demo
 *     npm run demo -- --all      beside gRPC, HTTP, Redis and MySQL: what this machine has of it
 *     npm run demo -- --page     all of it, and serves the page of the client
 */
const CALLS_PER_SECOND = 250;
/** More failed calls than this and the demo itself counts as failed. */
const MAX_FAILED_RATIO = 0.02;
/** Exit codes of a process ended by a signal, by the shells' convention. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

const interrupted = new AbortController();
const endings: (() => Promise<void>)[] = [];
const emergencies: (() => void)[] = [];
let exitCode = 0;

for (const [name, code] of Object.entries(SIGNALS)) {
  process.on(name, () => {
    exitCode = code;
    interrupted.abort();
  });
}
// Whatever ends this process in another way: no child shall outlive it.
process.on('exit', () => {
  for (const end of emergencies) end();
});

async function demo(): Promise<void> {
  const { signal } = interrupted;
  const screen = createScreen();
  const registry = await startRegistry();
  endings.push(registry.stop);
  emergencies.push(registry.stopNow);
  screen.event(registry.description);

  const fleet = new Fleet(registry.address);
  endings.push(() => fleet.stop());
  emergencies.push(() => fleet.stopNow());
  screen.event(`starting ${Object.keys(FIRST_SERVERS).length} gRPC servers, each a process of its own`);
  await Promise.all(Object.entries(FIRST_SERVERS).map(([id, delayMs]) => fleet.start(id, delayMs)));
  signal.throwIfAborted();

  const client = createClient(registry.address);
  endings.push(client.close);
  const neighbours = new Neighbours((event) => screen.event(event));
  endings.push(() => neighbours.stop());
  emergencies.push(() => neighbours.stopNow());
  if (process.argv.includes('--all') || process.argv.includes('--page')) {
    screen.event('starting servers that are called by HTTP, Redis and MySQL');
    await neighbours.start({ mesh: client.mesh, registry: registry.address });
    signal.throwIfAborted();
  }
  if (process.argv.includes('--page')) {
    const admin = createAdmin(client.mesh, { monitor: monitorMesh(client.mesh) });
    await admin.listen();
    screen.event(`page: ${admin.address}`);
  }
  const watch = new Watch(client.service, (event) => screen.event(event));
  const load = await begin(client);
  screen.show(watch, load, neighbours);
  endings.push(async () => {
    await load.stop();
    watch.close();
    screen.end();
  });

  const findings = await play({ fleet, neighbours, watch, screen }, signal);
  await Promise.all([load.stop(), neighbours.settle()]);
  screen.end();
  summarize([...findings, ...neighbours.findings], load);
}

/**
 * A process that has just started answers its first calls slowly, while its code is compiled: that
 * is not the subject.
 */
const WARM_UP_CALLS = 40;
const WARM_UP_DEADLINE_MS = 5_000;

/** The load begins when there is somebody to call. */
async function begin(client: Client): Promise<Load> {
  await client.service.ready(AbortSignal.any([interrupted.signal, AbortSignal.timeout(10_000)]));
  for (let id = 1; id <= WARM_UP_CALLS; id++) await client.get(id, WARM_UP_DEADLINE_MS);
  return new Load(client, CALLS_PER_SECOND);
}

function summarize(findings: readonly Finding[], load: Load): void {
  const ratio = load.failed / load.calls;
  const few = ratio < MAX_FAILED_RATIO;
  console.log('');
  for (const { claim, ok, afterMs } of findings) {
    console.log(
      `${mark(ok)}  ${claim} ${pc.dim(`(${ok ? 'after' : 'not within'} ${(afterMs / 1_000).toFixed(1)} s)`)}`,
    );
  }
  console.log(`${mark(few)}  fewer than ${MAX_FAILED_RATIO * 100} % of the calls fail`);
  const why = load.failures.map(([name, count]) => `${count} ${name}`).join(', ');
  console.log('');
  console.log(
    `${pc.bold(`${load.failed} of ${load.calls} calls failed`)} (${(100 * ratio).toFixed(2)} %)${why && `: ${why}`}`,
  );
  console.log(
    `what callers saw: p50 ${load.percentileMs(50).toFixed(1)} ms, p99 ${load.percentileMs(99).toFixed(1)} ms`,
  );
  if (!few || findings.some(({ ok }) => !ok)) exitCode = 1;
}

function mark(ok: boolean): string {
  return ok ? pc.green('yes') : pc.red('NO ');
}

try {
  await demo();
} catch (error) {
  if (!interrupted.signal.aborted) {
    exitCode = 1;
    console.error(error);
  }
} finally {
  for (const end of endings.reverse()) await end().catch((error: unknown) => console.error(error));
}
process.exit(exitCode);
