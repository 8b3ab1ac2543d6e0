import { etcdRegistrar } from 'fairlead/etcd';
import { type Etcd, Relay, startEtcd } from '../../harness/index.js';
import type { Fault, FaultKind } from '../part.js';
import { beginRegistrarFault, HEALS_WITHIN_MS, type Instance, type Registry, untilWell } from './registry.js';

type EtcdRegistrar = ReturnType<typeof etcdRegistrar>;

/** What goes wrong with etcd, which keeps its state. */
export const ETCD_FAULTS: readonly FaultKind[] = [
  { kind: 'etcd-kill', targets: 1, lastsMs: [100, 3_000], group: 'etcd', weight: 0.7 },
  { kind: 'etcd-pause', targets: 1, lastsMs: [100, 3_000], group: 'etcd', weight: 0.5 },
  { kind: 'etcd-cut', targets: 1, lastsMs: [50, 3_000], group: 'etcd-net' },
  { kind: 'etcd-swallow', targets: 1, lastsMs: [200, 3_000], group: 'etcd-net', weight: 0.5 },
  { kind: 'etcd-compact', targets: 1, lastsMs: [1, 5], group: 'etcd' },
  { kind: 'etcd-leases-end', targets: 1, lastsMs: [1, 5], group: 'etcd', weight: 0.7 },
];

/** The least that a registrar of etcd takes; ms. */
const TTL_MS = 2_000;

/** A real etcd, behind a relay for its clients and one for its registrar. */
export class EtcdRegistry implements Registry {
  readonly kind = 'etcd';
  readonly #etcd: Etcd;
  readonly #relay: Relay;
  readonly #registrarRelay: Relay;
  readonly #registrar: EtcdRegistrar;
  readonly #registered = new Map<string, Awaited<ReturnType<EtcdRegistrar['register']>>>();
  #service = '';

  private constructor(etcd: Etcd, relay: Relay, registrarRelay: Relay) {
    this.#etcd = etcd;
    this.#relay = relay;
    this.#registrarRelay = registrarRelay;
    this.#registrar = etcdRegistrar({
      address: registrarRelay.address,
      ttlMs: TTL_MS,
      onUnreachable: 'wait',
      onError: () => {},
    });
  }

  static async start(): Promise<EtcdRegistry> {
    const etcd = await startEtcd();
    return new EtcdRegistry(etcd, await Relay.before(etcd), await Relay.before(etcd));
  }

  get address(): string {
    return this.#relay.address;
  }

  async register({ id, service, port }: Instance): Promise<void> {
    if (this.#registered.has(id)) return;
    this.#service = service;
    this.#registered.set(id, await this.#registrar.register({ id, service, host: '127.0.0.1', port }));
  }

  async deregister(id: string): Promise<void> {
    const registration = this.#registered.get(id);
    this.#registered.delete(id);
    await registration?.deregister().catch(() => {});
  }

  async reweigh(id: string, weight: number): Promise<void> {
    await this.#registered.get(id)?.update({ weight });
  }

  put(key: string, value: string): Promise<void> {
    return this.#etcd.put(key, value);
  }

  async begin(fault: Fault, idOf: (target: number) => string): Promise<(() => Promise<void>) | undefined> {
    const { kind, target } = fault;
    const report = (health: 'critical' | 'passing') => async (): Promise<void> =>
      this.#registered.get(idOf(target))?.report(health);
    switch (kind) {
      case 'etcd-kill':
        await this.#etcd.kill();
        return () => this.#etcd.restart();
      case 'etcd-pause':
        await this.#etcd.pause();
        return () => this.#etcd.resume();
      case 'etcd-cut':
        await this.#relay.cut();
        return () => this.#relay.pass();
      case 'etcd-swallow':
        this.#relay.swallow();
        return () => this.#relay.pass();
      case 'etcd-compact':
        // Refused where nothing has changed since the last time.
        await this.#etcd.compact().catch(() => {});
        return async () => {};
      case 'etcd-leases-end':
        await this.#etcd.endLeases();
        return async () => {};
      case 'critical':
        await report('critical')();
        return report('passing');
      case 'critical-flap':
        for (let i = 0; i < 5; i++) await report(i % 2 === 0 ? 'critical' : 'passing')();
        return report('passing');
      default:
        return await beginRegistrarFault(fault, this.#registrarRelay);
    }
  }

  async heal(): Promise<void> {
    if (!this.#etcd.running) await this.#etcd.restart();
    await this.#etcd.resume();
    await this.#relay.pass();
    await this.#registrarRelay.pass();
    for (const registration of this.#registered.values()) await registration.report('passing');
    const until = performance.now() + HEALS_WITHIN_MS;
    await untilWell('etcd does not list what is registered, and nothing else', until, async () => {
      const listed = await this.#etcd.range(`${this.#service}/`);
      const ids = Object.keys(listed).map((key) => key.slice(this.#service.length + 1));
      const critical = Object.values(listed).some((value) => value.includes('"healthy":false'));
      return !critical && ids.sort().join() === [...this.#registered.keys()].sort().join();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#etcd.resume().catch(() => {});
    await this.#registrar.close({ deadlineMs: 1_000 }).catch(() => {});
    await this.#relay[Symbol.asyncDispose]();
    await this.#registrarRelay[Symbol.asyncDispose]();
    await this.#etcd[Symbol.asyncDispose]();
  }
}
