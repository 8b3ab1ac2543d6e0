import type { Endpoint } from '../../../src/index.js';
import type { GtidPosition } from './gtid.js';
import type { Probe } from './prober.js';

/** What is known of one server. */
export interface ServerState {
  readonly role: 'primary' | 'replica' | 'unknown';
  /**
   * How far behind the primary, milliseconds, as of the last probe; 0 for the primary, NaN where
   * unknown.
   */
  readonly lagMs: number;
  readonly probe: Probe | undefined;
}

const UNKNOWN: ServerState = { role: 'unknown', lagMs: Number.NaN, probe: undefined };

interface Sample {
  readonly position: GtidPosition;
  readonly atMs: number;
}

/**
 * Failed looks in a row after which a server's role is no longer believed: one may be a lost
 * packet.
 */
const FAILURES_UNTIL_UNKNOWN = 2;

/** How many past positions of the primary are remembered; the older, the further apart. */
const MAX_SAMPLES = 120;

/**
 * Who is the primary and how far behind the others are, from positions alone: a replica is behind
 * by the age of the oldest position of the primary that it does not have yet. That needs no clock
 * of the servers, no privilege, and is right where Seconds_Behind_Source is 0 although replication
 * is broken: a replica that stopped does not get new positions.
 */
export class Replication {
  readonly #states = new Map<Endpoint, ServerState>();
  readonly #failures = new Map<Endpoint, number>();
  /** Those whose last look told nothing. */
  readonly #unseen = new Set<Endpoint>();
  /** Clock time at which each of those that accept writes was first seen to. */
  readonly #primarySince = new Map<Endpoint, number>();
  /** Positions of the primary, oldest first; only those that differ from the one before. */
  #samples: Sample[] = [];
  #sampledPrimary: Endpoint | undefined;

  stateOf(endpoint: Endpoint): ServerState {
    return this.#states.get(endpoint) ?? UNKNOWN;
  }

  /**
   * Servers that accept writes: one, unless something is wrong. One that did not answer the last
   * look counts only while no other is known: a primary that died, and its successor, are no two
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

  /** True when that changed its role or its lag, or it had not answered before. */
  probed(endpoint: Endpoint, probe: Probe, nowMs: number): boolean {
    const before = this.stateOf(endpoint);
    this.#failures.delete(endpoint);
    const wasUnseen = this.#unseen.delete(endpoint);
    if (probe.readOnly) this.#primarySince.delete(endpoint);
    else if (before.role !== 'primary') this.#primarySince.set(endpoint, nowMs);
    if (!probe.readOnly) this.#sample(endpoint, probe, before);
    const after: ServerState = probe.readOnly
      ? { role: 'replica', lagMs: this.#lagOf(probe, nowMs), probe }
      : { role: 'primary', lagMs: 0, probe };
    this.#states.set(endpoint, after);
    return wasUnseen || before.role !== after.role || before.lagMs !== after.lagMs;
  }

  /** A look that told nothing, though the server lives: it was full, or refused the login. */
  unseen(endpoint: Endpoint): void {
    this.#unseen.add(endpoint);
  }

  /** A look that failed. True when that made its role unknown. */
  failed(endpoint: Endpoint): boolean {
    const failures = (this.#failures.get(endpoint) ?? 0) + 1;
    this.#failures.set(endpoint, failures);
    this.#unseen.add(endpoint);
    if (failures < FAILURES_UNTIL_UNKNOWN || this.stateOf(endpoint).role === 'unknown') return false;
    this.#states.set(endpoint, UNKNOWN);
    return true;
  }

  /** A statement found out before the prober did: the server refuses writes. */
  demoted(endpoint: Endpoint): void {
    const state = this.stateOf(endpoint);
    if (state.role === 'primary') this.#states.set(endpoint, { ...state, role: 'replica', lagMs: Number.NaN });
  }

  forget(endpoint: Endpoint): void {
    this.#states.delete(endpoint);
    this.#failures.delete(endpoint);
    this.#unseen.delete(endpoint);
    this.#primarySince.delete(endpoint);
    if (this.#sampledPrimary === endpoint) this.#samples = [];
  }

  #primarySinceMs(endpoint: Endpoint): number {
    return this.#primarySince.get(endpoint) ?? Number.NEGATIVE_INFINITY;
  }

  #sample(endpoint: Endpoint, probe: Probe, before: ServerState): void {
    if (this.#sampledPrimary !== endpoint) {
      this.#sampledPrimary = endpoint;
      this.#samples = [];
    } else if (before.probe?.positionText === probe.positionText) {
      return;
    }
    this.#samples.push({ position: probe.position, atMs: probe.atMs });
    // Every second one goes: the oldest stays, or a replica could never be known to be further
    // behind than the list.
    if (this.#samples.length > MAX_SAMPLES) this.#samples = this.#samples.filter((_, i) => i % 2 === 0);
  }

  #lagOf(probe: Probe, nowMs: number): number {
    if (this.#samples.length === 0) return Number.NaN;
    const missing = this.#samples.find((sample) => !probe.position.includes(sample.position));
    return missing === undefined ? 0 : nowMs - missing.atMs;
  }
}
