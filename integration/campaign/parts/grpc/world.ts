import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, Relay } from '../../../harness/index.js';
import type { ClientHistory } from '../../history.js';
import { beginNetFault } from '../../net-faults.js';
import { type Fault, type FaultSpan, type PartWorld, type Schedule, SERVER_STARVED } from '../../part.js';
import { beginProcessFault } from '../../process-faults.js';
import { Documents } from '../../registry/documents.js';
import { type Registry, startRegistry } from '../../registry.js';
import { ServerProcess } from './server-process.js';

export const LISTED = 3;
export const SERVERS = 4;
export const NAME = 'echo';

export const serverOf = (target: number): string => `g${target}`;

/**
 * A line of a server: it received a call, or a stream that it sends is over since `over` (ms), or it
 * could not run for a while.
 */
interface Received {
  readonly server: string;
  readonly method: string;
  readonly id: string;
  readonly over?: number;
  readonly busyMs?: readonly [from: number, over: number];
}

/** gRPC servers in processes of their own, each behind a relay, listed by Consul or etcd. */
export class GrpcWorld implements PartWorld {
  readonly #servers: readonly ServerProcess[];
  readonly #relays: readonly Relay[];
  readonly #registry: Registry;
  readonly #documents: Documents | undefined;
  readonly #folder: string;
  readonly clients: unknown;
  readonly measured: FaultSpan[] = [];
  #joins = 0;

  private constructor(
    servers: readonly ServerProcess[],
    relays: readonly Relay[],
    registry: Registry,
    documents: Documents | undefined,
    folder: string,
  ) {
    this.#servers = servers;
    this.#relays = relays;
    this.#registry = registry;
    this.#documents = documents;
    this.#folder = folder;
    const { kind, address } = registry;
    this.clients = { registry: { kind, address }, ports: relays.slice(0, LISTED).map(({ port }) => port) };
  }

  static async start({ options }: Schedule): Promise<GrpcWorld> {
    const folder = mkdtempSync(join(tmpdir(), 'fairlead-campaign-grpc-'));
    const file = join(folder, 'received.jsonl');
    writeFileSync(file, '');
    const servers: ServerProcess[] = [];
    for (let i = 0; i < SERVERS; i++) servers.push(new ServerProcess(serverOf(i), await freePort(), file));
    await Promise.all(servers.map((server) => server.start()));
    const relays = await Promise.all(servers.map((server) => Relay.before(server)));
    const registry = await startRegistry(options.registry === 'etcd' ? 'etcd' : 'consul');
    const affinity = options.affinity === true && { ttlMs: 60_000 };
    const documents = options.config === true ? new Documents(registry, NAME, { affinity }) : undefined;
    const world = new GrpcWorld(servers, relays, registry, documents, folder);
    await documents?.writeFirst();
    for (let i = 0; i < LISTED; i++) await world.#register(i);
    return world;
  }

  async begin(fault: Fault): Promise<() => Promise<void>> {
    const { kind, target } = fault;
    const server = this.#servers[target]!;
    const end =
      (await this.#documents?.begin(fault)) ??
      (await this.#registry.begin(fault, serverOf)) ??
      (await beginNetFault(fault, this.#relays[target]!)) ??
      (await beginProcessFault(fault, server));
    if (end) return end;
    if (kind === 'join') {
      // Under another id each time, as a program that begins anew: none is registered again.
      const id = `${serverOf(LISTED)}-${this.#joins++}`;
      await this.#register(LISTED, id);
      return () => this.#registry.deregister(id);
    }
    if (kind === 'leave') {
      await this.#registry.deregister(serverOf(target));
      return () => this.#register(target);
    }
    if (kind === 'reweigh') {
      // While its registry is away it says that later.
      void this.#registry.reweigh(serverOf(target), 2 + (fault.atMs % 4)).catch(() => {});
      return async () => void this.#registry.reweigh(serverOf(target), 1).catch(() => {});
    }
    server.tell(kind.slice('answers-'.length));
    return async () => server.tell('well');
  }

  async heal(): Promise<void> {
    for (const [i, server] of this.#servers.entries()) {
      if (!server.running) await server.restart();
      await server.resume();
      server.tell('well');
      await this.#relays[i]!.pass();
    }
    await this.#registry.heal();
    await this.#documents?.heal();
  }

  async finish(history: ClientHistory): Promise<void> {
    this.#documents?.finish(history);
    for (const line of readFileSync(join(this.#folder, 'received.jsonl'), 'utf8').split('\n')) {
      if (line === '') continue;
      const { server, method, id, over, busyMs } = JSON.parse(line) as Received;
      if (busyMs !== undefined) this.#busy(server, busyMs);
      else if (over === undefined) history.invoke(0, 'received', id, method).ok(server);
      else history.invoke(0, 'over', id, over).ok(server);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#registry[Symbol.asyncDispose]();
    await Promise.all(this.#relays.map((relay) => relay[Symbol.asyncDispose]()));
    await Promise.all(this.#servers.map((server) => server.kill()));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #busy(server: string, [beganMs, overMs]: readonly [number, number]): void {
    const target = this.#servers.findIndex(({ id }) => id === server);
    this.measured.push({ kind: SERVER_STARVED, target, atMs: 0, lastsMs: overMs - beganMs, beganMs, overMs });
  }

  #register(i: number, id = serverOf(i)): Promise<void> {
    return this.#registry.register({ id, service: NAME, port: this.#relays[i]!.port });
  }
}
