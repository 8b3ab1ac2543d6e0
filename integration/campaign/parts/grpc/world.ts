import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, Relay } from '../../../harness/index.js';
import type { ClientHistory } from '../../history.js';
import { beginNetFault } from '../../net-faults.js';
import type { Fault, PartWorld } from '../../part.js';
import { beginProcessFault } from '../../process-faults.js';
import { CampaignRegistry } from '../../registry.js';
import { ServerProcess } from './server-process.js';

export const LISTED = 3;
export const SERVERS = 4;
export const NAME = 'echo';

export const serverOf = (target: number): string => `g${target}`;

/** gRPC servers in processes of their own, each behind a relay, listed by Consul. */
export class GrpcWorld implements PartWorld {
  readonly #servers: readonly ServerProcess[];
  readonly #relays: readonly Relay[];
  readonly #registry: CampaignRegistry;
  readonly #folder: string;
  readonly clients: unknown;

  private constructor(
    servers: readonly ServerProcess[],
    relays: readonly Relay[],
    registry: CampaignRegistry,
    folder: string,
  ) {
    this.#servers = servers;
    this.#relays = relays;
    this.#registry = registry;
    this.#folder = folder;
    this.clients = { consul: registry.address, ports: relays.slice(0, LISTED).map(({ port }) => port) };
  }

  static async start(): Promise<GrpcWorld> {
    const folder = mkdtempSync(join(tmpdir(), 'fairlead-campaign-grpc-'));
    const file = join(folder, 'received.jsonl');
    writeFileSync(file, '');
    const servers: ServerProcess[] = [];
    for (let i = 0; i < SERVERS; i++) servers.push(new ServerProcess(serverOf(i), await freePort(), file));
    await Promise.all(servers.map((server) => server.start()));
    const relays = await Promise.all(servers.map((server) => Relay.before(server)));
    const world = new GrpcWorld(servers, relays, await CampaignRegistry.start(), folder);
    for (let i = 0; i < LISTED; i++) await world.#register(i);
    return world;
  }

  async begin(fault: Fault): Promise<() => Promise<void>> {
    const { kind, target } = fault;
    const server = this.#servers[target]!;
    const end =
      (await this.#registry.begin(fault, serverOf)) ??
      (await beginNetFault(fault, this.#relays[target]!)) ??
      (await beginProcessFault(fault, server));
    if (end) return end;
    if (kind === 'join') {
      await this.#register(LISTED);
      return () => this.#registry.deregister(serverOf(LISTED));
    }
    if (kind === 'leave') {
      await this.#registry.deregister(serverOf(target));
      return () => this.#register(target);
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
  }

  async finish(history: ClientHistory): Promise<void> {
    for (const line of readFileSync(join(this.#folder, 'received.jsonl'), 'utf8').split('\n')) {
      if (line === '') continue;
      const { server, method, id } = JSON.parse(line) as { server: string; method: string; id: string };
      history.invoke(0, 'received', id, method).ok(server);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#registry[Symbol.asyncDispose]();
    await Promise.all(this.#relays.map((relay) => relay[Symbol.asyncDispose]()));
    await Promise.all(this.#servers.map((server) => server.kill()));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #register(i: number): Promise<void> {
    return this.#registry.register({ id: serverOf(i), service: NAME, port: this.#relays[i]!.port });
  }
}
