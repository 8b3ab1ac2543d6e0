import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import type { Clock } from '../runtime/clock.js';

/** An endpoint that should go but may not is reported so often at most. */
const COMPLAIN_EVERY_MS = 1_000;

/** Endpoints that should be ejected, that a cap keeps in, and that have not answered since. */
export class KeptIn {
  readonly #clock: Clock;
  readonly #kept = new Set<LiveEndpoint>();
  /** When it was last reported. */
  readonly #complainedMs = new WeakMap<LiveEndpoint, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(endpoint: LiveEndpoint): void {
    this.#kept.add(endpoint);
  }

  /** It answered, went out after all, or is gone. Hot path. */
  delete(endpoint: LiveEndpoint): void {
    if (this.#kept.size > 0) this.#kept.delete(endpoint);
  }

  clear(): void {
    this.#kept.clear();
  }

  /** Whether these are all that may be picked. */
  areAll(members: readonly LiveEndpoint[]): boolean {
    return members.every((endpoint) => endpoint.state !== 'ready' || this.#kept.has(endpoint));
  }

  /** What is kept in stays counted, so every further failure asks again: reported now and then. */
  mayComplain(endpoint: LiveEndpoint): boolean {
    const nowMs = this.#clock.now();
    if (nowMs - (this.#complainedMs.get(endpoint) ?? Number.NEGATIVE_INFINITY) < COMPLAIN_EVERY_MS) return false;
    this.#complainedMs.set(endpoint, nowMs);
    return true;
  }
}
