import type { Endpoint } from '../../../src/index.js';
import type { GtidPosition } from './gtid.js';
import { PositionHistory } from './position-history.js';
import type { Probe } from './probe.js';

/** What is known of one server. */
export interface ServerState {
  readonly role: 'primary' | 'replica' | 'unknown';
  /**
   * How far behind the primary, milliseconds, as of the last probe; 0 for the primary. Infinity for
   * a replica that was never seen to have what the primary had: as long as it was not proven to be
   * fresh, it may be of any age. NaN where there is nothing to be behind of: no primary is known,
   * or it has no GTIDs.
   */
  readonly lagMs: number;
  readonly probe: Probe | undefined;
}

const UNKNOWN: ServerState = { role: 'unknown', lagMs: Number.NaN, probe: undefined };

/**
 * Failed looks in a row after which a server's role is no longer believed: one may be a lost
 * packet.
 */
const FAILURES_UNTIL_UNKNOWN = 2;

/** Of several servers that accept writes, which are followed: see `onTwoPrimaries`. */
export type TwoPrimaries = 'refuse' | 'tagged' | 'any';

/**
 * Who is the primary and how far behind the others are, from positions alone: a replica is behind
 * by the age of the oldest position of the primary that it does not have yet. That needs no clock
 * of the servers, no privilege, and is right where Seconds_Behind_Source is 0 although replication
 * is broken: a replica that stopped does not get new positions.
 */
export class Replication {
  #flavor: Probe['flavor'] = 'mysql';
  readonly #onTwoPrimaries: TwoPrimaries;
  /** What the latest look at each server showed, while it is believed. */
  readonly #probes = new Map<Endpoint, Probe>();
  /** What follows from that. */
  readonly #states = new Map<Endpoint, ServerState>();
  readonly #failures = new Map<Endpoint, number>();
  /** Those whose last look returned nothing. */
  readonly #unseen = new Set<Endpoint>();
  /** Those that accept writes: their positions, and the clock time at which they were seen to. */
  readonly #accepting = new Map<Endpoint, { readonly history: PositionHistory; readonly sinceMs: number }>();
  #leaders: readonly Endpoint[] = [];

  constructor(onTwoPrimaries: TwoPrimaries = 'refuse') {
    this.#onTwoPrimaries = onTwoPrimaries;
  }

  stateOf(endpoint: Endpoint): ServerState {
    return this.#states.get(endpoint) ?? UNKNOWN;
  }

  /**
   * Servers that accept writes: one, unless something is wrong or `onTwoPrimaries` is `any`. One
   * that did not answer the last look counts only while no other is known: a primary that died, and
   * its successor, are no two primaries.
   */
  get writable(): readonly Endpoint[] {
    const found = [...this.#accepting.keys()];
    const answering = found.filter((endpoint) => !this.#unseen.has(endpoint));
    return answering.length > 0 ? answering : found;
  }

  /** Those of them that the others are measured by. */
  get leaders(): readonly Endpoint[] {
    return this.#leaders;
  }

  /**
   * Of several servers that accept writes, those that were not looked at since the newest of them
   * was seen to: they may have been demoted meanwhile. Where there are none, it is sure that all of
   * them do.
   */
  get unconfirmed(): readonly Endpoint[] {
    const { writable } = this;
    if (writable.length < 2) return [];
    const newest = writable.reduce((a, b) => (this.#sinceMs(a) > this.#sinceMs(b) ? a : b));
    const sinceMs = this.#sinceMs(newest);
    return writable.filter((endpoint) => endpoint !== newest && this.#probes.get(endpoint)!.atMs < sinceMs);
  }

  /** Of the server that was looked at last: those of a service are all of one. */
  get flavor(): Probe['flavor'] {
    return this.#flavor;
  }

  /** True when that changed the role or the lag of any server, or it had not answered before. */
  probed(endpoint: Endpoint, probe: Probe, nowMs: number): boolean {
    this.#failures.delete(endpoint);
    this.#flavor = probe.flavor;
    const wasUnseen = this.#unseen.delete(endpoint);
    this.#probes.set(endpoint, probe);
    if (probe.readOnly) this.#accepting.delete(endpoint);
    else {
      if (!this.#accepting.has(endpoint)) {
        this.#accepting.set(endpoint, { history: new PositionHistory(), sinceMs: nowMs });
      }
      this.#accepting.get(endpoint)!.history.add(probe);
    }
    return this.#update(endpoint, nowMs) || wasUnseen;
  }

  /** A look that told nothing, though the server lives: it was full, or refused the login. */
  unseen(endpoint: Endpoint, nowMs: number): void {
    this.#unseen.add(endpoint);
    this.#update(endpoint, nowMs);
  }

  /** A look that failed. True when that made its role unknown. */
  failed(endpoint: Endpoint, nowMs: number): boolean {
    this.#failures.set(endpoint, (this.#failures.get(endpoint) ?? 0) + 1);
    this.#unseen.add(endpoint);
    const isLost = this.isSilent(endpoint) && this.#probes.has(endpoint);
    if (isLost) this.#disbelieve(endpoint);
    this.#update(endpoint, nowMs);
    return isLost;
  }

  /** Whether it has not answered for so long that it counts as gone. */
  isSilent(endpoint: Endpoint): boolean {
    return (this.#failures.get(endpoint) ?? 0) >= FAILURES_UNTIL_UNKNOWN;
  }

  /** A statement found out before the prober did: the server refuses writes. */
  demoted(endpoint: Endpoint, nowMs: number): void {
    if (this.#accepting.delete(endpoint)) this.#update(endpoint, nowMs);
  }

  forget(endpoint: Endpoint, nowMs: number): void {
    this.#failures.delete(endpoint);
    this.#unseen.delete(endpoint);
    this.#disbelieve(endpoint);
    this.#update(endpoint, nowMs);
  }

  #disbelieve(endpoint: Endpoint): void {
    this.#probes.delete(endpoint);
    this.#states.delete(endpoint);
    this.#accepting.delete(endpoint);
  }

  #sinceMs(endpoint: Endpoint): number {
    return this.#accepting.get(endpoint)?.sinceMs ?? Number.NEGATIVE_INFINITY;
  }

  /** Something is known anew of this server. True when that changed the role or lag of any. */
  #update(endpoint: Endpoint, nowMs: number): boolean {
    const before = this.#leaders;
    this.#leaders = this.#chooseLeaders();
    const same = before.length === this.#leaders.length && before.every((each, i) => each === this.#leaders[i]);
    // Without a leader all are measured by each other.
    if (same && before.length > 0) return this.#derive(endpoint, nowMs);
    let changed = !same;
    for (const each of this.#probes.keys()) if (this.#derive(each, nowMs)) changed = true;
    return changed;
  }

  /**
   * All that accept writes where nothing says which one is right; of group replication or Galera,
   * where all of them are, one: the same for all processes, or their writes would meet.
   */
  #chooseLeaders(): readonly Endpoint[] {
    const { writable } = this;
    if (writable.length < 2 || this.#onTwoPrimaries === 'refuse') return writable;
    const tagged = writable.filter(isTaggedPrimary);
    const candidates = tagged.length > 0 ? tagged : writable;
    if (this.#onTwoPrimaries === 'tagged') return candidates;
    return [candidates.reduce((a, b) => (a.spec.id < b.spec.id ? a : b))];
  }

  #derive(endpoint: Endpoint, nowMs: number): boolean {
    const probe = this.#probes.get(endpoint);
    if (probe === undefined) return false;
    const before = this.stateOf(endpoint);
    const follows = this.#onTwoPrimaries === 'any' && !this.#leaders.includes(endpoint);
    const role = this.#accepting.has(endpoint) && !follows ? 'primary' : 'replica';
    const lagMs = role === 'primary' ? 0 : this.#lagOf(endpoint, probe, nowMs);
    this.#states.set(endpoint, { role, lagMs, probe });
    return role !== before.role || !Object.is(lagMs, before.lagMs);
  }

  #lagOf(endpoint: Endpoint, { position }: Probe, nowMs: number): number {
    if (this.#leaders.length === 0) {
      return this.#isBehindAnother(endpoint, position) ? Number.POSITIVE_INFINITY : Number.NaN;
    }
    // Of several leaders, where nothing says which one is right, a replica follows one.
    return Math.min(...this.#leaders.map((each) => this.#accepting.get(each)!.history.lagOf(position, nowMs)));
  }

  /** Without a primary the most advanced server is the measure. */
  #isBehindAnother(endpoint: Endpoint, own: GtidPosition): boolean {
    for (const [other, { position }] of this.#probes) {
      if (other !== endpoint && position.includes(own) && !own.includes(position)) return true;
    }
    return false;
  }
}

export function isTaggedPrimary({ spec }: Endpoint): boolean {
  return spec.tags.includes('primary');
}
