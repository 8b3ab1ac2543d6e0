import { setTimeout as sleep } from 'node:timers/promises';
import type { Mesh, ValueSource } from 'fairlead';
import { type ConfigStore, type ConfigVersion, createConfigStore } from 'fairlead/config';
import { consulKv } from 'fairlead/consul';
import { etcdKv } from 'fairlead/etcd';
import { type ClientHistory, describe } from '../history.js';
import { CONFIG_KEY, LAST } from './documents.js';
import type { RegistryAddress } from './registry.js';

/** Longer than a storm holds documents back, and than a watch that was cut off stays away. */
const IN_FORCE_WITHIN_MS = 12_000;

const sourceOf = ({ kind, address }: RegistryAddress): ValueSource =>
  kind === 'etcd' ? etcdKv({ address, progressMs: 500, requestTimeoutMs: 1_500 }) : consulKv({ address });

/** A client's configuration store: what comes into force is recorded. */
export class FollowedConfig {
  readonly #store: ConfigStore;
  readonly #service: string;
  readonly #history: ClientHistory;

  private constructor(store: ConfigStore, service: string, history: ClientHistory) {
    this.#store = store;
    this.#service = service;
    this.#history = history;
  }

  static async start(
    mesh: Mesh,
    registry: RegistryAddress,
    service: string,
    history: ClientHistory,
  ): Promise<FollowedConfig> {
    const store = createConfigStore(mesh, { source: sourceOf(registry), key: CONFIG_KEY });
    const config = new FollowedConfig(store, service, history);
    let inForce = 0;
    store.on('applied', (version) => {
      inForce = version.number;
      const { number, revision } = version;
      history.invoke(0, 'config-applied', String(config.#numberOf(version)), { number, revision }).ok();
    });
    store.on('refused', ({ error }) => {
      history.invoke(0, 'config-refused', '').fail(error);
      if ((store.current?.number ?? 0) !== inForce) history.complain('a refused document changed what is in force');
    });
    await store.ready();
    return config;
  }

  /** In quiet the last document is in force, for the service too. */
  async final(): Promise<void> {
    const isLast = (): boolean => this.#store.current !== undefined && this.#numberOf(this.#store.current) === LAST;
    for (let waitedMs = 0; !isLast() && waitedMs < IN_FORCE_WITHIN_MS; waitedMs += 50) await sleep(50);
    if (isLast()) return;
    const { current } = this.#store;
    this.#history.complain('the last document is not in force', current && this.#numberOf(current));
  }

  async close(): Promise<void> {
    await this.#store.close().catch((error: unknown) => this.#history.complain('close failed', describe(error)));
  }

  #numberOf({ document }: ConfigVersion): number | undefined {
    return document.services?.[this.#service]?.waitForReadyMs as number | undefined;
  }
}
