import { consulRegistrar } from 'fairlead/consul';
import { type Consul, Relay, startConsul } from '../../harness/index.js';
import type { Fault, FaultKind } from '../part.js';
import { beginRegistrarFault, HEALS_WITHIN_MS, type Instance, type Registry, untilWell } from './registry.js';

type ConsulRegistrar = ReturnType<typeof consulRegistrar>;

/** What goes wrong with Consul. */
export const CONSUL_FAULTS: readonly FaultKind[] = [
  { kind: 'consul-kill', targets: 1, lastsMs: [100, 3_000], group: 'consul', weight: 0.7 },
  { kind: 'consul-pause', targets: 1, lastsMs: [100, 3_000], group: 'consul', weight: 0.5 },
  { kind: 'consul-cut', targets: 1, lastsMs: [50, 3_000], group: 'consul-net' },
  { kind: 'consul-swallow', targets: 1, lastsMs: [200, 3_000], group: 'consul-net', weight: 0.5 },
];

/**
 * A real agent, behind a relay for its clients and one for its registrar, with a TCP check for each
 * instance. The agent forgets all when it is killed, its keys too: the registrar tells it again.
 */
export class ConsulRegistry implements Registry {
  readonly kind = 'consul';
  readonly #consul: Consul;
  readonly #relay: Relay;
  readonly #registrarRelay: Relay;
  readonly #registrar: ConsulRegistrar;
  readonly #registered = new Map<string, Awaited<ReturnType<ConsulRegistrar['register']>>>();

  private constructor(consul: Consul, relay: Relay, registrarRelay: Relay) {
    this.#consul = consul;
    this.#relay = relay;
    this.#registrarRelay = registrarRelay;
    this.#registrar = consulRegistrar({
      address: registrarRelay.address,
      verifyIntervalMs: 300,
      onUnreachable: 'wait',
      onError: () => {},
    });
  }

  static async start(): Promise<ConsulRegistry> {
    const consul = await startConsul();
    return new ConsulRegistry(consul, await Relay.before(consul), await Relay.before(consul));
  }

  get address(): string {
    return this.#relay.address;
  }

  async register(instance: Instance): Promise<void> {
    const { id, service, port } = instance;
    if (this.#registered.has(id)) return;
    const registration = await this.#registrar.register({
      id,
      service,
      host: '127.0.0.1',
      port,
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

  async reweigh(id: string, weight: number): Promise<void> {
    await this.#registered.get(id)?.update({ weight });
  }

  async put(key: string, value: string): Promise<void> {
    const response = await fetch(`${this.#consul.url}/v1/kv/${key}`, { method: 'PUT', body: value });
    if (!response.ok) throw new Error(`Consul: ${response.status}`);
  }

  async begin(fault: Fault, idOf: (target: number) => string): Promise<(() => Promise<void>) | undefined> {
    const { kind, target } = fault;
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
        return await beginRegistrarFault(fault, this.#registrarRelay);
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
    await this.#registrarRelay.pass();
    const until = performance.now() + HEALS_WITHIN_MS;
    for (const id of this.#registered.keys()) {
      await this.#maintain(id, false);
      await untilWell(`'${id}' is not listed as healthy in time after the last fault`, until, () => this.#isWell(id));
    }
    // What was deregistered is gone, whatever the agent went through meanwhile.
    await untilWell('what was deregistered is listed still', until, async () => {
      const services = await this.#consul.api<Record<string, unknown>>('GET', '/v1/agent/services');
      return Object.keys(services).every((id) => this.#registered.has(id));
    });
  }

  async #isWell(id: string): Promise<boolean> {
    type Checks = Record<string, { Status: string; ServiceID: string }>;
    const checks = await this.#consul.api<Checks>('GET', '/v1/agent/checks');
    const mine = Object.values(checks).filter(({ ServiceID }) => ServiceID === id);
    return mine.length > 0 && mine.every(({ Status }) => Status === 'passing');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#consul.resume().catch(() => {});
    await this.#registrar.close({ deadlineMs: 1_000 }).catch(() => {});
    await this.#relay[Symbol.asyncDispose]();
    await this.#registrarRelay[Symbol.asyncDispose]();
    await this.#consul[Symbol.asyncDispose]();
  }
}
