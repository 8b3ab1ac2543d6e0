import { invalidOption, readOptions, unchecked } from '../../runtime/options.js';
import { instanceSchema, requiredText } from '../instance-schema.js';
import type { KeptInstance } from '../kept-registration.js';
import type { InstanceInput, InstanceUpdate } from '../registrar.js';
import type { EtcdLayout, EtcdWrittenInstance } from './layout.js';

/** An instance as it is put into etcd, which does not know the address of this machine. */
export interface EtcdInstance extends InstanceInput {
  /** The address that clients connect to. */
  readonly host: string;
}

export interface EtcdInstanceSettings extends KeptInstance {
  /** As it was given, updates included. */
  readonly input: EtcdInstance;
  readonly written: Omit<EtcdWrittenInstance, 'healthy'>;
}

type InstanceRead = Omit<EtcdWrittenInstance, 'id' | 'healthy' | 'zone'> & {
  readonly id: string | undefined;
  readonly zone: string | undefined;
};

/** Reads an instance. Throws FAIRLEAD_INVALID_OPTION. */
export function readInstance(layout: EtcdLayout, instance: EtcdInstance): EtcdInstanceSettings {
  const read = readOptions<InstanceRead>('register', instance, { ...instanceSchema, host: requiredText } as never);
  const { service, host, port, zone = '' } = read;
  const id = read.id ?? `${service}-${host}-${port}`;
  // It is one part of a key: with a slash in it, it would be another service's.
  if (id.includes('/')) throw invalidOption('register.id', id, 'a string without a slash');
  return { service, id, key: layout.keyFor(service, id), input: instance, written: { ...read, id, zone } };
}

const UPDATABLE = ['weight', 'zone', 'tags', 'meta'] as const;

/** The instance with changes. Throws FAIRLEAD_INVALID_OPTION, also for what cannot change. */
export function updateInstance(
  layout: EtcdLayout,
  instance: EtcdInstanceSettings,
  changes: InstanceUpdate,
): EtcdInstanceSettings {
  readOptions('update', changes, Object.fromEntries(UPDATABLE.map((key) => [key, unchecked()])) as never);
  const given = Object.entries(changes).filter(([, value]) => value !== undefined);
  return readInstance(layout, { ...instance.input, id: instance.id, ...Object.fromEntries(given) });
}
