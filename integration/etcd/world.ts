import { createMesh, type Mesh, type Service, type ServiceOptions } from 'fairlead';
import { type EtcdResolverOptions, etcdResolver } from 'fairlead/etcd';
import { onTestFinished } from 'vitest';
import { type Etcd, until } from '../harness/index.js';

export interface Client {
  readonly mesh: Mesh;
  readonly service: Service;
  readonly errors: Error[];
  /** The ids that may be picked. */
  ids(): readonly string[];
  /** Until exactly these may be picked. */
  lists(...ids: string[]): Promise<unknown>;
}

/** A client of the service `users` in this etcd. */
export function clientOf(
  etcd: Pick<Etcd, 'address'>,
  options: EtcdResolverOptions = {},
  service: ServiceOptions = {},
): Client {
  const mesh = createMesh({ resolver: etcdResolver({ address: etcd.address, graceMs: 300, ...options }) });
  onTestFinished(() => mesh.close());
  const users = mesh.service('users', service);
  const errors: Error[] = [];
  users.on('error', (error) => errors.push(error));
  const ids = (): readonly string[] => users.usedEndpoints.map(({ spec }) => spec.id);
  return {
    mesh,
    service: users,
    errors,
    ids,
    lists: (...expected) => until(`${expected} is listed`, () => ids().join() === [...expected].sort().join()),
  };
}

/** A value as grpc-go writes it. */
export const naming = (address: string, metadata: unknown = null): string =>
  JSON.stringify({ Op: 0, Addr: address, Metadata: metadata });
