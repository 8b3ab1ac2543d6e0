import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis as Plain } from 'ioredis';
import { Relay, type Redis as Store, startRedis } from '../../../harness/index.js';
import type { ClientHistory } from '../../history.js';
import { beginNetFault } from '../../net-faults.js';
import type { Fault, PartWorld } from '../../part.js';
import { beginProcessFault } from '../../process-faults.js';
import { ScriptServer } from '../../script-server.js';
import { SERVERS } from './plan.js';

export const NAME = 'calls';
/** Before the names of sessions in the store. */
export const PREFIX = 'campaign:';
const SCRIPT = join(import.meta.dirname, 'server.mjs');

export const serverOf = (target: number): string => `e${target}`;

/** Servers behind relays, listed in a file, and a store of sessions behind one, too. */
export class CallsWorld implements PartWorld {
  readonly clients: unknown;
  readonly #servers: readonly ScriptServer[];
  readonly #relays: readonly Relay[];
  readonly #store: Store;
  readonly #storeRelay: Relay;
  readonly #folder: string;
  readonly #gone = new Set<number>();

  private constructor(
    servers: readonly ScriptServer[],
    relays: readonly Relay[],
    store: Store,
    storeRelay: Relay,
    folder: string,
  ) {
    this.#servers = servers;
    this.#relays = relays;
    this.#store = store;
    this.#storeRelay = storeRelay;
    this.#folder = folder;
    this.clients = { file: join(folder, 'services.json'), storePort: storeRelay.port };
  }

  static async start(): Promise<CallsWorld> {
    const launch = (i: number): Promise<ScriptServer> =>
      ScriptServer.launch(SCRIPT, 1, ([port]) => [String(port), serverOf(i)]);
    const servers = await Promise.all(Array.from({ length: SERVERS }, (_, i) => launch(i)));
    const relays = await Promise.all(servers.map((server) => Relay.before(server)));
    const store = await startRedis({ persist: true });
    const folder = mkdtempSync(join(tmpdir(), 'fairlead-campaign-calls-'));
    const world = new CallsWorld(servers, relays, store, await Relay.before(store), folder);
    world.#list();
    return world;
  }

  async begin(fault: Fault): Promise<() => Promise<void>> {
    const { kind, target } = fault;
    if (kind === 'leave') {
      this.#gone.add(target);
      this.#list();
      return async () => {
        this.#gone.delete(target);
        this.#list();
      };
    }
    const end = kind.startsWith('store-')
      ? await beginNetFault({ ...fault, kind: kind.replace('store-', 'net-') }, this.#storeRelay)
      : ((await beginNetFault(fault, this.#relays[target]!)) ??
        (await beginProcessFault(fault, this.#servers[target]!)));
    if (end === undefined) throw new Error(`there is no fault '${kind}'`);
    return end;
  }

  async heal(): Promise<void> {
    for (const [i, server] of this.#servers.entries()) {
      if (!server.running) await server.restart();
      await server.resume();
      await this.#relays[i]!.pass();
    }
    await this.#storeRelay.pass();
    this.#gone.clear();
    this.#list();
  }

  /** What the store has, by the hash of each session. */
  async finish(history: ClientHistory): Promise<void> {
    const plain = new Plain(this.#store.port, this.#store.host);
    try {
      for (const key of await plain.keys('*'))
        history.invoke(0, 'stored', key.slice(PREFIX.length)).ok(await plain.get(key));
    } finally {
      plain.disconnect();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const relay of [...this.#relays, this.#storeRelay]) await relay[Symbol.asyncDispose]();
    for (const server of [...this.#servers, this.#store]) await server[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** At once: half a list would be another one. */
  #list(): void {
    const listed = this.#relays.flatMap(({ port }, i) =>
      this.#gone.has(i) ? [] : [{ id: serverOf(i), host: '127.0.0.1', port }],
    );
    const file = join(this.#folder, 'services.json');
    writeFileSync(`${file}.new`, JSON.stringify({ [NAME]: listed }));
    renameSync(`${file}.new`, file);
  }
}
