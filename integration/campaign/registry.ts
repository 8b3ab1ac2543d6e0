import type { FaultKind } from './part.js';
import { CONSUL_FAULTS, ConsulRegistry } from './registry/consul-registry.js';
import { ETCD_FAULTS, EtcdRegistry } from './registry/etcd-registry.js';
import { instanceFaults, type Registry } from './registry/registry.js';

export function startRegistry(kind: Registry['kind']): Promise<Registry> {
  return kind === 'etcd' ? EtcdRegistry.start() : ConsulRegistry.start();
}

export function registryFaults(instances: number, kind: Registry['kind'] = 'consul'): FaultKind[] {
  return [...(kind === 'etcd' ? ETCD_FAULTS : CONSUL_FAULTS), ...instanceFaults(instances)];
}

/** Faults of the registry, and what is told by it: they touch no server. */
export const AT_REGISTRY: RegExp = /^(consul-|etcd-|registrar-|reweigh|config)/;

export { REGISTRAR_FAULTS, type Registry, type RegistryAddress } from './registry/registry.js';
