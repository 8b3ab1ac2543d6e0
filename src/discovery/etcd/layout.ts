import type { EndpointInput } from '../resolver.js';

/** An instance as a layout writes it. */
export interface EtcdWrittenInstance {
  readonly service: string;
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly weight: number;
  /** '' for none. */
  readonly zone: string;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, string>>;
  /** False while the instance reports itself as critical. */
  readonly healthy: boolean;
}

/**
 * Contract: where services lie in etcd, and what their values mean. What a function of it throws
 * concerns one key.
 */
export interface EtcdLayout {
  /** The key of an instance; with the id '' what the keys of all of the service's begin with. */
  keyFor(service: string, id: string): string;
  /**
   * The endpoint that a value stands for; undefined for none of this service's. `id` is what of the
   * key comes after `keyFor(service, '')`, and the endpoint's id where it has none of its own.
   */
  read(value: string, id: string, service: string): EndpointInput | undefined;
  /** The value of an instance, for the registrar. Without it nothing can be registered. */
  write?(instance: EtcdWrittenInstance): string;
}
