import type { Random } from '../../../src/index.js';

/**
 * What clients with the policy `next` leave at each server for each other, in one hash there. It
 * lives and dies with the values that it is about.
 */
export interface ShardRecord {
  /** The namespace of the server's own keys, with the quarantine `generation`. */
  readonly own: string | undefined;
  /** The namespace of the keys that it holds while it stands in for other shards. */
  readonly standIn: string | undefined;
  /**
   * The shards that missed writes, because this one or another stood in for them, and have not been
   * cleared since.
   */
  readonly missed: ReadonlySet<string>;
  /** The shards of which it was asked whether they missed any. */
  readonly asked: ReadonlySet<string>;
}

/** The hash, by service and by what its clients do. */
export function recordKey(prefix: string, service: string, quarantine: string): string {
  return `${prefix}record:${service}:${quarantine}`;
}

export const OWN = 'own';
export const STAND_IN = 'standIn';
export const missedField = (shard: string): string => `missed:${shard}`;

/**
 * Reads the reply of HMGET OWN, STAND_IN and the fields of the other shards; undefined for any
 * other reply.
 */
export function parseRecord(reply: unknown, others: readonly string[], prefix: string): ShardRecord | undefined {
  if (!Array.isArray(reply)) return undefined;
  const [own, standIn, ...marks] = reply as (string | null)[];
  return {
    own: namespaceOf(own, prefix),
    standIn: namespaceOf(standIn, prefix),
    missed: new Set(others.filter((_, i) => marks[i] != null)),
    asked: new Set(others),
  };
}

export function namespaceOf(token: string | null | undefined, prefix: string): string | undefined {
  return token == null || !/^[a-z0-9]{1,32}$/.test(token) ? undefined : `${prefix}${token}:`;
}

export function tokenOf(namespace: string, prefix: string): string {
  return namespace.slice(prefix.length, -1);
}

/** One of 2^30 for each millisecond: never the same again, whichever client draws it. */
export class Tokens {
  readonly #random: Random;
  readonly #wallMs: () => number;

  constructor(wallMs: () => number, random: Random) {
    this.#random = random;
    this.#wallMs = wallMs;
  }

  next(): string {
    return `${Math.floor(this.#wallMs()).toString(36)}${this.#random.below(2 ** 30).toString(36)}`;
  }
}
