import { etcdRegistrar } from 'fairlead/etcd';
import { type Etcd, type Relay, startEtcd } from '../../harness/index.js';
import type { Fault, FaultKind } from '../part.js';
import { HEALS_WITHIN_MS, type Instance, untilWell } from './registry.js';
import { RelayedRegistry, serverFaults } from './relayed-registry.js';

type EtcdRegistrar = ReturnType<typeof etcdRegistrar>;
type Registration = Awaited<ReturnType<EtcdRegistrar['register']>>;

/** What goes wrong with etcd, which keeps its state. */
export const ETCD_FAULTS: readonly FaultKind[] = [
  ...serverFaults('etcd'),
  { kind: 'etcd-compact', targets: 1, lastsMs: [1, 5], group: 'etcd' },
  { kind: 'etcd-leases-end', targets: 1, lastsMs: [1, 5], group: 'etcd', weight: 0.7 },
];

/** The least that a registrar of etcd takes; ms. */
const TTL_MS = 2_000;

/** One etcd. */
export class EtcdRegistry extends RelayedRegistry<Etcd, Registration> {
  readonly kind = 'etcd';
  protected readonly registrar: EtcdRegistrar;
  #service = '';

  private constructor(etcd: Etcd, relay: Relay, registrarRelay: Relay) {
    super(etcd, relay, registrarRelay);
    this.registrar = etcdRegistrar({
      address: registrarRelay.address,
      ttlMs: TTL_MS,
      onUnreachable: 'wait',
      onError: () => {},
    });
  }

  static async start(): Promise<EtcdRegistry> {
    return new EtcdRegistry(...(await RelayedRegistry.before(await startEtcd())));
  }

  async register({ id, service, port }: Instance): Promise<void> {
    if (this.registered.has(id)) return;
    this.#service = service;
    this.registered.set(id, await this.registrar.register({ id, service, host: '127.0.0.1', port }));
  }

  put(key: string, value: string): Promise<void> {
    return this.server.put(key, value);
  }

  override async begin(fault: Fault, idOf: (target: number) => string): Promise<(() => Promise<void>) | undefined> {
    switch (fault.kind) {
      case 'etcd-compact':
        // Refused where nothing has changed since the last time.
        await this.server.compact().catch(() => {});
        return async () => {};
      case 'etcd-leases-end':
        await this.server.endLeases();
        return async () => {};
      default:
        return await super.begin(fault, idOf);
    }
  }

  protected async setWell(id: string, well: boolean): Promise<void> {
    await this.registered.get(id)?.report(well ? 'passing' : 'critical');
  }

  override async heal(): Promise<void> {
    await super.heal();
    for (const registration of this.registered.values()) await registration.report('passing');
    const until = performance.now() + HEALS_WITHIN_MS;
    await untilWell('etcd does not list what is registered, and nothing else', until, async () => {
      const listed = await this.server.range(`${this.#service}/`);
      const ids = Object.keys(listed).map((key) => key.slice(this.#service.length + 1));
      const critical = Object.values(listed).some((value) => value.includes('"healthy":false'));
      return !critical && ids.sort().join() === [...this.registered.keys()].sort().join();
    });
  }
}
