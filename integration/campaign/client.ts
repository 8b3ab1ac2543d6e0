/**
 * The client process of a campaign: `node … client.ts <task as JSON>`. It tells its parent `ready`,
 * works until it is told to `stop`, then answers `stopped`, `final` and ends by itself.
 */
import { pathToFileURL } from 'node:url';
import { seededRandom } from 'fairlead/testing';
import { watchDelays } from './delays.js';
import { ClientHistory } from './history.js';
import type { ClientPart } from './part.js';

export interface ClientTask {
  readonly module: string;
  readonly folder: string;
  readonly name: string;
  readonly seed: number;
  readonly options: Readonly<Record<string, unknown>>;
  readonly world: unknown;
  readonly workers: number;
  readonly keys: number;
}

export type ClientOrder =
  | { readonly order: 'stop' | 'final' | 'end' }
  | { readonly order: 'busy'; readonly ms: number };

/** Code that is compiled meanwhile takes a few; what is kept of each operation takes more. */
const MAX_GROWN_MIB = 25;
const LOADED_AFTER_MS = 10_000;

const task = JSON.parse(process.argv[2]!) as ClientTask;
const history = new ClientHistory(task.folder, task.name);
process.on('uncaughtException', (error) => history.complain('uncaught exception', error.stack));
process.on('unhandledRejection', (error) =>
  history.complain('unhandled rejection', error instanceof Error ? error.stack : String(error)),
);
process.on('warning', (warning) => {
  if (warning.name !== 'ExperimentalWarning') history.complain('process warning', warning.stack);
});

const { client } = (await import(pathToFileURL(task.module).href)) as { client: ClientPart };
const random = seededRandom(task.seed);
const running = await client.start({ ...task, random, history });

const heapUsed = (): number => {
  for (let i = 0; i < 3; i++) globalThis.gc?.();
  return process.memoryUsage().heapUsed;
};
let heapAtFirst = heapUsed();
// What is loaded with the first use of something, tables of charsets and code, is there by then.
setTimeout(() => {
  heapAtFirst = Math.max(heapAtFirst, heapUsed());
}, LOADED_AFTER_MS).unref();

// Its runner is gone: nobody would ever stop it.
const orphaned = (): void => process.exit(1);
process.once('disconnect', orphaned);

watchDelays((fromMs) => history.late(fromMs));

let working = true;
const work = Array.from({ length: task.workers }, async (_, worker) => {
  const own = seededRandom(task.seed * 1_000 + worker);
  while (working) {
    await running.step(worker, own);
    // As a caller that has something else to do, too; and nothing starves.
    await new Promise((resolve) => (own.below(8) === 0 ? setTimeout(resolve, own.below(20)) : setImmediate(resolve)));
  }
});

const say = (what: string): void => void process.send?.(what);
const orders: Record<ClientOrder['order'], (order: ClientOrder) => Promise<void> | void> = {
  busy: (order) => {
    const until = performance.now() + ('ms' in order ? order.ms : 0);
    while (performance.now() < until);
  },
  stop: async () => {
    working = false;
    await Promise.all(work);
    say('stopped');
  },
  final: async () => {
    await running.final();
    say('final');
  },
  end: async () => {
    await running.end();
    const grownMiB = (heapUsed() - heapAtFirst) / 2 ** 20;
    if (grownMiB > MAX_GROWN_MIB) history.complain('the heap has grown', `${Math.round(grownMiB)} MiB`);
    say('ended');
    process.off('disconnect', orphaned);
    process.disconnect();
    // What is left now keeps the process alive; unref'd, so that this look does not.
    setTimeout(() => history.complain('the process does not end', process.getActiveResourcesInfo()), 4_000).unref();
  },
};
process.on('message', (order: ClientOrder) => {
  void Promise.resolve(orders[order.order](order)).catch((error: unknown) => {
    history.complain(`'${order.order}' failed`, error instanceof Error ? error.stack : String(error));
    say('failed');
  });
});
say('ready');
