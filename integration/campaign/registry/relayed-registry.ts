import { type Consul, type Etcd, Relay } from '../../harness/index.js';
import type { Fault, FaultKind } from '../part.js';
import { beginRegistrarFault, type Instance, type Registry } from './registry.js';

/** What a registrar returns, as far as all registries need it. */
interface Registered {
  update(change: { readonly weight: number }): Promise<unknown>;
  deregister(): Promise<unknown>;
}

interface Closing {
  close(options: { readonly deadlineMs: number }): Promise<void>;
}

/** What goes wrong with the server of any registry, and on the way there. */
export function serverFaults(kind: Registry['kind']): FaultKind[] {
  return [
    { kind: `${kind}-kill`, targets: 1, lastsMs: [100, 3_000], group: kind, weight: 0.7 },
    { kind: `${kind}-pause`, targets: 1, lastsMs: [100, 3_000], group: kind, weight: 0.5 },
    { kind: `${kind}-cut`, targets: 1, lastsMs: [50, 3_000], group: `${kind}-net` },
    { kind: `${kind}-swallow`, targets: 1, lastsMs: [200, 3_000], group: `${kind}-net`, weight: 0.5 },
  ];
}

/** A real server, behind a relay for its clients and one for its registrar. */
export abstract class RelayedRegistry<S extends Consul | Etcd, R extends Registered> implements Registry {
  abstract readonly kind: Registry['kind'];
  protected abstract readonly registrar: Closing;
  protected readonly server: S;
  protected readonly registered: Map<string, R> = new Map();
  readonly #relay: Relay;
  readonly #registrarRelay: Relay;

  protected constructor(server: S, relay: Relay, registrarRelay: Relay) {
    this.server = server;
    this.#relay = relay;
    this.#registrarRelay = registrarRelay;
  }

  protected static async before<S extends Consul | Etcd>(server: S): Promise<[S, Relay, Relay]> {
    return [server, await Relay.before(server), await Relay.before(server)];
  }

  get address(): string {
    return this.#relay.address;
  }

  abstract register(instance: Instance): Promise<void>;
  abstract put(key: string, value: string): Promise<void>;

  async deregister(id: string): Promise<void> {
    const registration = this.registered.get(id);
    this.registered.delete(id);
    // It rejects where the server is away for too long, and goes on trying.
    await registration?.deregister().catch(() => {});
  }

  async reweigh(id: string, weight: number): Promise<void> {
    await this.registered.get(id)?.update({ weight });
  }

  async begin(fault: Fault, idOf: (target: number) => string): Promise<(() => Promise<void>) | undefined> {
    const setWell = (well: boolean): Promise<void> => this.setWell(idOf(fault.target), well);
    switch (fault.kind) {
      case `${this.kind}-kill`:
        await this.server.kill();
        return () => this.server.restart();
      case `${this.kind}-pause`:
        await this.server.pause();
        return () => this.server.resume();
      case `${this.kind}-cut`:
        await this.#relay.cut();
        return () => this.#relay.pass();
      case `${this.kind}-swallow`:
        this.#relay.swallow();
        return () => this.#relay.pass();
      case 'critical':
        await setWell(false);
        return () => setWell(true);
      case 'critical-flap':
        for (let i = 0; i < 5; i++) await setWell(i % 2 !== 0);
        return () => setWell(true);
      default:
        return await beginRegistrarFault(fault, this.#registrarRelay);
    }
  }

  /** Has the registry say of an instance that it is well, or that it is critical. */
  protected abstract setWell(id: string, well: boolean): Promise<void>;

  /** All faults are over; a registry then looks until it lists what is registered. */
  async heal(): Promise<void> {
    if (!this.server.running) await this.server.restart();
    await this.server.resume();
    await this.#relay.pass();
    await this.#registrarRelay.pass();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.resume().catch(() => {});
    await this.registrar.close({ deadlineMs: 1_000 }).catch(() => {});
    await this.#relay[Symbol.asyncDispose]();
    await this.#registrarRelay[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}
