import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Relay } from '../../../harness/index.js';
import type { ClientHistory } from '../../history.js';
import { beginNetFault } from '../../net-faults.js';
import type { Fault, PartWorld } from '../../part.js';
import { beginProcessFault } from '../../process-faults.js';
import { ScriptServer } from '../../script-server.js';

export const SERVERS = 3;

const SCRIPT = join(import.meta.dirname, 'server.mjs');

/** One that answers HTTP and TCP, and writes down what was delivered to it. */
const launch = (): Promise<ScriptServer> =>
  ScriptServer.launch(SCRIPT, 2, ([http, tcp], data) => [String(http), String(tcp), join(data, 'delivered')]);

/** Method, target and length of each request that came whole. */
function deliveredTo(server: ScriptServer): readonly (readonly [method: string, target: string, bytes: number])[] {
  let text = '';
  try {
    text = readFileSync(server.fileOf('delivered'), 'utf8');
  } catch {
    return [];
  }
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

/** Servers, each behind two relays: one for HTTP, one for TCP. */
export class WebWorld implements PartWorld {
  readonly #servers: readonly ScriptServer[];
  readonly #relays: readonly (readonly [http: Relay, tcp: Relay])[];
  readonly clients: unknown;

  private constructor(servers: readonly ScriptServer[], relays: readonly (readonly [Relay, Relay])[]) {
    this.#servers = servers;
    this.#relays = relays;
    this.clients = {
      http: relays.map(([{ address }]) => address),
      tcp: relays.map(([, { address }]) => address),
    };
  }

  static async start(): Promise<WebWorld> {
    const servers = await Promise.all(Array.from({ length: SERVERS }, () => launch()));
    const relays = await Promise.all(
      servers.map(
        async (server) => [await Relay.before(server), await Relay.before({ port: server.ports[1]! })] as const,
      ),
    );
    return new WebWorld(servers, relays);
  }

  async begin(fault: Fault): Promise<() => Promise<void>> {
    const { kind, target } = fault;
    const ended = await Promise.all(this.#relays[target]!.map((relay) => beginNetFault(fault, relay)));
    const ends = ended.filter((end) => end !== undefined);
    if (ends.length > 0) return async () => void (await Promise.all(ends.map((end) => end())));
    const end = await beginProcessFault(fault, this.#servers[target]!);
    if (end === undefined) throw new Error(`there is no fault '${kind}'`);
    return end;
  }

  async heal(): Promise<void> {
    for (const [i, server] of this.#servers.entries()) {
      if (!server.running) await server.restart();
      await server.resume();
      for (const relay of this.#relays[i]!) await relay.pass();
    }
  }

  /** What was delivered, as the servers have written it down. */
  async finish(history: ClientHistory): Promise<void> {
    for (const [i, server] of this.#servers.entries())
      for (const [method, target, bytes] of deliveredTo(server))
        history.invoke(i, `delivered-${method}`, target, bytes).ok(bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#relays.flat().map((relay) => relay[Symbol.asyncDispose]()));
    await Promise.all(this.#servers.map((server) => server[Symbol.asyncDispose]()));
  }
}
