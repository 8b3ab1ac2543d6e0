import type { Endpoint } from '../../../src/index.js';
import { PositionHistory } from './position-history.js';
import type { Probe } from './prober.js';

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

/**
 * Who is the primary and how far behind the others are, from positions alone: a replica is behind
 * by the age of the oldest position of the primary that it does not have yet. That needs no clock
 * of the servers, no privilege, and is right where Seconds_Behind_Source is 0 although replication
 * is broken: a replica that stopped does not get new positions.
 */
export class Replication {
  readonly #states = new Map<Endpoint, ServerState>();
  readonly #failures = new Map<Endpoint, number>();
  /** Those whose last look returned nothing. */
  readonly #unseen = new Set<Endpoint>();
  /** Clock time at which each of those that accept writes was first seen to. */
  readonly #primarySince = new Map<Endpoint, number>();
  /** Positions of those that accept writes. */
  readonly #histories = new Map<Endpoint, PositionHistory>();
  readonly #mayLead: (endpoint: Endpoint) => boolean;

  /**
   * `mayLead`: of several servers that accept writes, whether this one is what the others must
   * follow; default: any.
   */
  constructor(mayLead: (endpoint: Endpoint) => boolean = () => true) {
    this.#mayLead = mayLead;
  }

  stateOf(endpoint: Endpoint): ServerState {
    return this.#states.get(endpoint) ?? UNKNOWN;
  }

  /**
   * Servers that accept writes: one, unless something is wrong. One that did not answer the last
   * look counts only while no other is known: a primary that died, and its successor, are not two
   * primaries.
   */
  get writable(): readonly Endpoint[] {
    const found: Endpoint[] = [];
    for (const [endpoint, state] of this.#states) if (state.role === 'primary') found.push(endpoint);
    const answering = found.filter((endpoint) => !this.#unseen.has(endpoint));
    return answering.length > 0 ? answering : found;
  }

  /**
   * Of several servers that accept writes, those that were not looked at since the newest of them
   * was seen to: they may have been demoted meanwhile. Where there are none, it is sure that all of
   * them do.
   */
  get unconfirmed(): readonly Endpoint[] {
    const { writable } = this;
    if (writable.length < 2) return [];
    const newest = writable.reduce((a, b) => (this.#primarySinceMs(a) > this.#primarySinceMs(b) ? a : b));
    const sinceMs = this.#primarySinceMs(newest);
    return writable.filter((endpoint) => endpoint !== newest && this.stateOf(endpoint).probe!.atMs < sinceMs);
  }

  /** True when that changed the role or the lag of any server, or it had not answered before. */
  probed(endpoint: Endpoint, probe: Probe, nowMs: number): boolean {
    const before = this.stateOf(endpoint);
    this.#failures.delete(endpoint);
    const wasUnseen = this.#unseen.delete(endpoint);
    if (probe.readOnly) {
      this.#loseLead(endpoint);
      this.#states.set(endpoint, { role: 'replica', lagMs: before.lagMs, probe });
    } else {
      if (before.role !== 'primary') this.#primarySince.set(endpoint, nowMs);
      this.#states.set(endpoint, { role: 'primary', lagMs: 0, probe });
      this.#historyOf(endpoint).add(probe);
    }
    const { role } = this.stateOf(endpoint);
    // Who leads may be another one now, or be known for the first time; without a leader all are
    // measured by each other.
    const measured =
      before.role === role && this.writable.length > 0
        ? role === 'replica' && this.#measure(endpoint, nowMs)
        : this.#measureAll(nowMs);
    return measured || wasUnseen || before.role !== role;
  }

  /** A look that returned nothing, though the server lives: it was full, or refused the login. */
  unseen(endpoint: Endpoint): void {
    this.#unseen.add(endpoint);
  }

  /** A look that failed. True when that made its role unknown. */
  failed(endpoint: Endpoint, nowMs: number): boolean {
    const failures = (this.#failures.get(endpoint) ?? 0) + 1;
    this.#failures.set(endpoint, failures);
    this.#unseen.add(endpoint);
    if (failures < FAILURES_UNTIL_UNKNOWN || this.stateOf(endpoint).role === 'unknown') return false;
    this.#states.set(endpoint, UNKNOWN);
    this.#loseLead(endpoint);
    this.#measureAll(nowMs);
    return true;
  }

  /** Whether it has not answered for so long that it counts as gone. */
  isSilent(endpoint: Endpoint): boolean {
    return (this.#failures.get(endpoint) ?? 0) >= FAILURES_UNTIL_UNKNOWN;
  }

  /** A statement found out before the prober did: the server refuses writes. */
  demoted(endpoint: Endpoint, nowMs: number): void {
    const state = this.stateOf(endpoint);
    if (state.role !== 'primary') return;
    this.#loseLead(endpoint);
    this.#states.set(endpoint, { ...state, role: 'replica', lagMs: Number.NaN });
    this.#measureAll(nowMs);
  }

  forget(endpoint: Endpoint, nowMs: number): void {
    this.#states.delete(endpoint);
    this.#failures.delete(endpoint);
    this.#unseen.delete(endpoint);
    this.#loseLead(endpoint);
    this.#measureAll(nowMs);
  }

  #loseLead(endpoint: Endpoint): void {
    this.#primarySince.delete(endpoint);
    this.#histories.delete(endpoint);
  }

  #primarySinceMs(endpoint: Endpoint): number {
    return this.#primarySince.get(endpoint) ?? Number.NEGATIVE_INFINITY;
  }

  #historyOf(endpoint: Endpoint): PositionHistory {
    let history = this.#histories.get(endpoint);
    if (history === undefined) {
      history = new PositionHistory();
      this.#histories.set(endpoint, history);
    }
    return history;
  }

  #measureAll(nowMs: number): boolean {
    let changed = false;
    for (const [endpoint, { role }] of this.#states) {
      if (role === 'replica' && this.#measure(endpoint, nowMs)) changed = true;
    }
    return changed;
  }

  #measure(endpoint: Endpoint, nowMs: number): boolean {
    const state = this.stateOf(endpoint);
    const lagMs = this.#lagOf(endpoint, state.probe!, nowMs);
    if (Object.is(lagMs, state.lagMs)) return false;
    this.#states.set(endpoint, { ...state, lagMs });
    return true;
  }

  #lagOf(endpoint: Endpoint, { position }: Probe, nowMs: number): number {
    const { writable } = this;
    if (writable.length === 0) return this.#isBehindAnother(endpoint) ? Number.POSITIVE_INFINITY : Number.NaN;
    const leaders = writable.filter(this.#mayLead);
    // Behind all of them: where nothing shows which one is right, a replica follows one of them.
    const lags = (leaders.length > 0 ? leaders : writable).map((each) => this.#historyOf(each).lagOf(position, nowMs));
    return Math.min(...lags);
  }

  /** Without a primary the most advanced server is the measure. */
  #isBehindAnother(endpoint: Endpoint): boolean {
    const own = this.stateOf(endpoint).probe!.position;
    for (const [other, { role, probe }] of this.#states) {
      if (other === endpoint || role !== 'replica') continue;
      if (probe!.position.includes(own) && !own.includes(probe!.position)) return true;
    }
    return false;
  }
}
