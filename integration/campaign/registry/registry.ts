import { setTimeout as sleep } from 'node:timers/promises';
import type { Relay } from '../../harness/index.js';
import type { Fault, FaultKind } from '../part.js';

export interface Instance {
  readonly id: string;
  readonly service: string;
  readonly port: number;
}

/** What client processes are told of it. */
export interface RegistryAddress {
  readonly kind: 'consul' | 'etcd';
  readonly address: string;
}

/** A real registry, behind relays, with a registrar of fairlead that keeps instances listed. */
export interface Registry extends RegistryAddress, AsyncDisposable {
  register(instance: Instance): Promise<void>;
  /** Resolves when the registry agrees, or has been away for too long: it is tried until it does. */
  deregister(id: string): Promise<void>;
  reweigh(id: string, weight: number): Promise<void>;
  /** Writes a key of its KV store, past the relays. Rejects while it is down. */
  put(key: string, value: string): Promise<void>;
  /** Undefined: not a fault of the registry. */
  begin(fault: Fault, idOf: (target: number) => string): Promise<(() => Promise<void>) | undefined>;
  /** Returns when all that is registered is listed as healthy, and nothing else is listed. */
  heal(): Promise<void>;
}

/** A registrar looks each 300 or 667 ms, a check of Consul each 500. */
export const HEALS_WITHIN_MS = 15_000;

/** What goes wrong with any registry, but for changes of what is registered. */
export function instanceFaults(instances: number): FaultKind[] {
  return [
    ...REGISTRAR_FAULTS,
    { kind: 'critical', targets: instances, lastsMs: [20, 3_000], group: 'maintenance' },
    { kind: 'critical-flap', targets: instances, lastsMs: [20, 400], group: 'maintenance' },
  ];
}

/** All clients hear later of what changes, at the same time. */
export const REGISTRAR_FAULTS: readonly FaultKind[] = [
  { kind: 'registrar-cut', targets: 1, lastsMs: [50, 3_000], group: 'registrar' },
];

export async function beginRegistrarFault({ kind }: Fault, relay: Relay): Promise<(() => Promise<void>) | undefined> {
  if (kind !== 'registrar-cut') return undefined;
  await relay.cut();
  return () => relay.pass();
}

/** Looks until it is so; a look that fails counts for no. */
export async function untilWell(otherwise: string, untilMs: number, look: () => Promise<boolean>): Promise<void> {
  while (!(await look().catch(() => false))) {
    if (performance.now() > untilMs) throw new Error(otherwise);
    await sleep(50);
  }
}
