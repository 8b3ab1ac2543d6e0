import { consulRegistrar } from 'fairlead/consul';
import { type Consul, type Relay, startConsul } from '../../harness/index.js';
import type { FaultKind } from '../part.js';
import { HEALS_WITHIN_MS, type Instance, untilWell } from './registry.js';
import { RelayedRegistry, serverFaults } from './relayed-registry.js';

type ConsulRegistrar = ReturnType<typeof consulRegistrar>;
type Registration = Awaited<ReturnType<ConsulRegistrar['register']>>;

/** What goes wrong with Consul. */
export const CONSUL_FAULTS: readonly FaultKind[] = serverFaults('consul');

/**
 * An agent, with a TCP check for each instance. It forgets all when it is killed, its keys too: the
 * registrar tells it again.
 */
export class ConsulRegistry extends RelayedRegistry<Consul, Registration> {
  readonly kind = 'consul';
  protected readonly registrar: ConsulRegistrar;

  private constructor(consul: Consul, relay: Relay, registrarRelay: Relay) {
    super(consul, relay, registrarRelay);
    this.registrar = consulRegistrar({
      address: registrarRelay.address,
      verifyIntervalMs: 300,
      onUnreachable: 'wait',
      onError: () => {},
    });
  }

  static async start(): Promise<ConsulRegistry> {
    return new ConsulRegistry(...(await RelayedRegistry.before(await startConsul())));
  }

  async register(instance: Instance): Promise<void> {
    const { id, service, port } = instance;
    if (this.registered.has(id)) return;
    const registration = await this.registrar.register({
      id,
      service,
      host: '127.0.0.1',
      port,
      checks: [
        { type: 'tcp', address: `127.0.0.1:${port}`, intervalMs: 500, timeoutMs: 1_000, initialStatus: 'passing' },
      ],
    });
    this.registered.set(id, registration);
  }

  async put(key: string, value: string): Promise<void> {
    const response = await fetch(`${this.server.url}/v1/kv/${key}`, { method: 'PUT', body: value });
    if (!response.ok) throw new Error(`Consul: ${response.status}`);
  }

  /** While the agent is down nothing can be maintained, and it forgets maintenance as it ends. */
  protected async setWell(id: string, well: boolean): Promise<void> {
    const path = `/v1/agent/service/maintenance/${id}?enable=${!well}&reason=campaign`;
    await this.server.api('PUT', path).catch(() => {});
  }

  override async heal(): Promise<void> {
    await super.heal();
    const until = performance.now() + HEALS_WITHIN_MS;
    for (const id of this.registered.keys()) {
      await this.setWell(id, true);
      await untilWell(`'${id}' is not listed as healthy in time after the last fault`, until, () => this.#isWell(id));
    }
    // What was deregistered is gone, whatever the agent went through meanwhile.
    await untilWell('what was deregistered is listed still', until, async () => {
      const services = await this.server.api<Record<string, unknown>>('GET', '/v1/agent/services');
      return Object.keys(services).every((id) => this.registered.has(id));
    });
  }

  async #isWell(id: string): Promise<boolean> {
    type Checks = Record<string, { Status: string; ServiceID: string }>;
    const checks = await this.server.api<Checks>('GET', '/v1/agent/checks');
    const mine = Object.values(checks).filter(({ ServiceID }) => ServiceID === id);
    return mine.length > 0 && mine.every(({ Status }) => Status === 'passing');
  }
}
