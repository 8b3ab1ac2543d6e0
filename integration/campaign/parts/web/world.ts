import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort, Relay, type Server } from '../../../harness/index.js';
import { NativeProcess } from '../../../harness/native/process.js';
import { Server as HarnessServer } from '../../../harness/server.js';
import type { ClientHistory } from '../../history.js';
import { beginNetFault } from '../../net-faults.js';
import type { Fault, PartWorld } from '../../part.js';
import { beginProcessFault } from '../../process-faults.js';

export const SERVERS = 3;
const HOST = '127.0.0.1';

/** One that answers HTTP and TCP, and writes down what was delivered to it. */
class WebServer extends HarnessServer {
  readonly tcpPort: number;
  readonly #process: NativeProcess;

  private constructor(process: NativeProcess, port: number, tcpPort: number) {
    super(process, HOST, port);
    this.tcpPort = tcpPort;
    this.#process = process;
  }

  static async launch(): Promise<WebServer> {
    const [port, tcpPort] = [await freePort(HOST), await freePort(HOST)];
    const program = join(import.meta.dirname, 'server.mjs');
    const process_ = new NativeProcess({
      name: 'web',
      command: (data) => [process.execPath, program, String(port), String(tcpPort), join(data, 'delivered')],
    });
    const server = new WebServer(process_, port, tcpPort);
    await server.start();
    return server;
  }

  /** Method, target and length of each request that came whole. */
  get delivered(): readonly (readonly [method: string, target: string, bytes: number])[] {
    let text = '';
    try {
      text = readFileSync(join(this.#process.data, 'delivered'), 'utf8');
    } catch {
      return [];
    }
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  }

  protected async ready(): Promise<void> {
    for (const port of [this.port, this.tcpPort])
      await this.untilUp(`a server of the campaign listens on ${port}`, () => canConnect(port));
  }
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, HOST);
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

/** Servers, each behind two relays: one for HTTP, one for TCP. */
export class WebWorld implements PartWorld {
  readonly #servers: readonly WebServer[];
  readonly #relays: readonly (readonly [http: Relay, tcp: Relay])[];
  readonly clients: unknown;

  private constructor(servers: readonly WebServer[], relays: readonly (readonly [Relay, Relay])[]) {
    this.#servers = servers;
    this.#relays = relays;
    this.clients = {
      http: relays.map(([{ address }]) => address),
      tcp: relays.map(([, { address }]) => address),
    };
  }

  static async start(): Promise<WebWorld> {
    const servers = await Promise.all(Array.from({ length: SERVERS }, () => WebServer.launch()));
    const relays = await Promise.all(
      servers.map(
        async (server) => [await Relay.before(server), await Relay.before({ port: server.tcpPort })] as const,
      ),
    );
    return new WebWorld(servers, relays);
  }

  async begin(fault: Fault): Promise<() => Promise<void>> {
    const { kind, target } = fault;
    const ended = await Promise.all(this.#relays[target]!.map((relay) => beginNetFault(fault, relay)));
    const ends = ended.filter((end) => end !== undefined);
    if (ends.length > 0) return async () => void (await Promise.all(ends.map((end) => end())));
    const end = await beginProcessFault(fault, this.#servers[target]! as Server);
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
      for (const [method, target, bytes] of server.delivered)
        history.invoke(i, `delivered-${method}`, target, bytes).ok(bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#relays.flat().map((relay) => relay[Symbol.asyncDispose]()));
    await Promise.all(this.#servers.map((server) => server[Symbol.asyncDispose]()));
  }
}
