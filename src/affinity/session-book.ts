import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import type { RoutingKey } from '../runtime/context.js';

/** Where a session is at home. */
export interface Home {
  readonly id: string;
  /** Of the process that has the session; undefined where only the id was kept. */
  readonly host?: string;
  readonly port?: number;
}

/**
 * Where the sessions of a service are written down: a table of this process, or a store. None of
 * its methods throws.
 */
export interface SessionBook {
  readonly size: number;
  /** Whether there is no room for a new session. */
  readonly full: boolean;
  /** The name of a session. `scope`: '' for those of the service, else of the subset. */
  name(scope: string, key: RoutingKey): string;
  /** Renews the TTL. */
  get(name: string): Home | undefined;
  /** As `get`, without renewing: a user's own store, which has no such thing, is asked by `get`. */
  peek(name: string): Home | undefined;
  /** As `full`, and removes nothing. */
  readonly crowded: boolean;
  /** False where there is no room. */
  set(name: string, endpoint: LiveEndpoint): boolean;
  unbind(name: string): Promise<void>;
  /** For calls that can wait: resolves once it is known where the session is. */
  prepare(name: string): Promise<void> | undefined;
  /** What is not where it is to be kept yet; `flush` brings it there. */
  readonly unwritten: number;
  flush(): Promise<void>;
  clear(): void;
}
