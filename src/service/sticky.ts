import { SharedSessions } from '../affinity/shared-sessions.js';
import { StickySessions } from '../affinity/sticky-sessions.js';
import { StoreBook } from '../affinity/store-book.js';
import { TableBook } from '../affinity/table-book.js';
import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import type { Clock } from '../runtime/clock.js';
import type { SafeEmitter } from '../runtime/emitter.js';
import type { Random } from '../runtime/random.js';
import type { ServiceEvents } from './contract.js';
import { type AffinitySettings, isShared } from './options.js';

interface Service {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  byId(id: string): LiveEndpoint | undefined;
}

/** The sessions of a service: in its own table, or in the store that it was given. */
export function createSticky(
  service: Service,
  affinity: AffinitySettings | undefined,
  events: SafeEmitter<ServiceEvents>,
): StickySessions | undefined {
  if (affinity === undefined) return undefined;
  const { name, clock, random } = service;
  const failed = (error: Error): void => events.emit('error', error);
  const host = {
    name,
    clock,
    random,
    byId: (id: string) => service.byId(id),
    moved: (event: ServiceEvents['affinity'][0]) => events.emit('affinity', event),
    sessionsFull: (event: ServiceEvents['sessionsFull'][0]) => events.emit('sessionsFull', event),
    failed,
  };
  const { store } = affinity;
  if (store === undefined) return new StickySessions(host, new TableBook(clock, affinity), affinity);
  const kept = isShared(store) ? new SharedSessions(store, clock, affinity, failed) : store;
  return new StickySessions(host, new StoreBook(kept, failed), affinity);
}

/** Those in force next. Called by the swap: calls went on beginning sessions until then. */
export function succession(
  before: StickySessions | undefined,
  next: StickySessions | undefined,
): StickySessions | undefined {
  if (before === undefined || next === before) return next;
  if (next === undefined) before.end();
  else next.succeed(before);
  return next;
}
