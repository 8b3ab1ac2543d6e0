import { consulRegistrar } from 'fairlead/consul';
import { type Consul, Relay, startConsul } from '../harness/index.js';
import type { Fault, FaultKind } from './part.js';

type ConsulRegistrar = ReturnType<typeof consulRegistrar>;

export interface Instance {
  readonly id: string;
  readonly service: string;
  readonly port: number;
  readonly weight?: number;
  readonly tags?: readonly string[];
  readonly meta?: Readonly<Record<string, string>>;
}

/** A registrar looks each 300 ms, a check of the agent each 500. */
const HEALS_WITHIN_MS = 15_000;

/** What goes wrong with registries, but for changes of what is registered. */
export function registryFaults(instances: number): FaultKind[] {
  return [
    { kind: 'consul-kill', targets: 1, lastsMs: [100, 3_000], group: 'consul', weight: 0.7 },
    { kind: 'consul-pause', targets: 1, lastsMs: [100, 3_000], group: 'consul', weight: 0.5 },
    { kind: 'consul-cut', targets: 1, lastsMs: [50, 3_000], group: 'consul-net' },
    { kind: 'consul-swallow', targets: 1, lastsMs: [200, 3_000], group: 'consul-net', weight: 0.5 },
    { kind: 'critical', targets: instances, lastsMs: [20, 3_000], group: 'maintenance' },
    { kind: 'critical-flap', targets: instances, lastsMs: [20, 400], group: 'maintenance' },
  ];
}

/**
 * A real agent, behind a relay for its clients, with a registrar and a TCP check for each instance.
 * The agent forgets all when it is killed: the registrars tell it again.
 */
export class CampaignRegistry implements AsyncDisposable {
  readonly #consul: Consul;
  readonly #relay: Relay;
  readonly #registrar: ConsulRegistrar;
  readonly #registered = new Map<string, Awaited<ReturnType<ConsulRegistrar['register']>>>();

  private constructor(consul: Consul, relay: Relay) {
    this.#consul = consul;
    this.#relay = relay;
    this.#registrar = consulRegistrar({ address: consul.url, verifyIntervalMs: 300, onUnreachable: 'wait' });
  }

  static async start(): Promise<CampaignRegistry> {
    const consul = await startConsul();
    return new CampaignRegistry(consul, await Relay.before(consul));
  }

  /** Where clients ask. */
  get address(): string {
    return this.#relay.address;
  }

  async register(instance: Instance): Promise<void> {
    const { id, service, port, weight, tags, meta } = instance;
    if (this.#registered.has(id)) return;
    const registration = await this.#registrar.register({
      id,
      service,
      host: '127.0.0.1',
      port,
      ...(weight !== undefined && { weight }),
      ...(tags && { tags: [...tags] }),
      ...(meta && { meta }),
      checks: [
        { type: 'tcp', address: `127.0.0.1:${port}`, intervalMs: 500, timeoutMs: 1_000, initialStatus: 'passing' },
      ],
    });
    this.#registered.set(id, registration);
  }

  async deregister(id: string): Promise<void> {
    const registration = this.#registered.get(id);
    this.#registered.delete(id);
    // It rejects where the agent is away for too long, and goes on trying.
    await registration?.deregister().catch(() => {});
  }

  /** Undefined: not a fault of the registry. */
  async begin({ kind, target }: Fault, idOf: (target: number) => string): Promise<(() => Promise<void>) | undefined> {
    switch (kind) {
      case 'consul-kill':
        await this.#consul.kill();
        return () => this.#consul.restart();
      case 'consul-pause':
        await this.#consul.pause();
        return () => this.#consul.resume();
      case 'consul-cut':
        await this.#relay.cut();
        return () => this.#relay.pass();
      case 'consul-swallow':
        this.#relay.swallow();
        return () => this.#relay.pass();
      case 'critical':
        await this.#maintain(idOf(target), true);
        return () => this.#maintain(idOf(target), false);
      case 'critical-flap':
        for (let i = 0; i < 5; i++) await this.#maintain(idOf(target), i % 2 === 0);
        return () => this.#maintain(idOf(target), false);
      default:
        return undefined;
    }
  }

  /** While the agent is down there is nothing to maintain, and it forgets maintenance as it ends. */
  async #maintain(id: string, on: boolean): Promise<void> {
    const path = `/v1/agent/service/maintenance/${id}?enable=${on}&reason=campaign`;
    await this.#consul.api('PUT', path).catch(() => {});
  }

  /** Returns when all that is registered is listed as healthy. */
  async heal(): Promise<void> {
    if (!this.#consul.running) await this.#consul.restart();
    await this.#consul.resume();
    await this.#relay.pass();
    const until = performance.now() + HEALS_WITHIN_MS;
    for (const id of this.#registered.keys()) {
      await this.#maintain(id, false);
      const healthy = async (): Promise<boolean> => {
        const checks = await this.#consul.api<Record<string, { Status: string; ServiceID: string }>>(
          'GET',
          '/v1/agent/checks',
        );
        const mine = Object.values(checks).filter(({ ServiceID }) => ServiceID === id);
        return mine.length > 0 && mine.every(({ Status }) => Status === 'passing');
      };
      while (!(await healthy().catch(() => false))) {
        if (performance.now() > until) throw new Error(`'${id}' is not listed as healthy in time after the last fault`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
    await this.#nothingElse(until);
  }

  /** What was deregistered is gone, whatever the agent went through meanwhile. */
  async #nothingElse(until: number): Promise<void> {
    const extra = async (): Promise<string[]> => {
      const services = await this.#consul.api<Record<string, unknown>>('GET', '/v1/agent/services');
      return Object.keys(services).filter((id) => !this.#registered.has(id));
    };
    for (let left = await extra(); left.length > 0; left = await extra()) {
      if (performance.now() > until) throw new Error(`'${left.join(', ')}' is listed still, and was deregistered`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#consul.resume().catch(() => {});
    await this.#registrar.close({ deadlineMs: 1_000 }).catch(() => {});
    await this.#relay[Symbol.asyncDispose]();
    await this.#consul[Symbol.asyncDispose]();
  }
}
