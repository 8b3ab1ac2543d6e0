import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import type { Clock } from '../runtime/clock.js';

/** An endpoint that discovery withdrew, and whose sessions may stay for a while. */
interface Draining {
  readonly endpoint: LiveEndpoint;
  readonly untilMs: number;
  /**
   * Whether its id went to another process in the same moment: then it leaves, and did not return.
   */
  readonly replaced: boolean;
}

/** Endpoints that keep their sessions, at most: the one that left first is let go. */
const MAX_DRAINING = 10_000;

/** Those that left discovery less than `drainMs` ago and were well then, by their ids. */
export class DrainingEndpoints {
  readonly #clock: Clock;
  /** How long those stay that are withdrawn from now on. */
  drainMs: number;
  /** The earliest first. */
  readonly #byId = new Map<string, Draining>();

  constructor(clock: Clock, drainMs: number) {
    this.#clock = clock;
    this.drainMs = drainMs;
  }

  /** Discovery withdrew it; `listed` is what has its id now. */
  add(endpoint: LiveEndpoint, listed: LiveEndpoint | undefined): void {
    if (this.drainMs === 0 || !endpoint.wasWell) return;
    const nowMs = this.#clock.now();
    const replaced = listed !== undefined && listed !== endpoint;
    this.#byId.delete(endpoint.spec.id);
    this.#byId.set(endpoint.spec.id, { endpoint, untilMs: nowMs + this.drainMs, replaced });
    // All stay equally long, so those whose time is over are in front.
    for (const [id, { untilMs }] of this.#byId) {
      if (untilMs > nowMs && this.#byId.size <= MAX_DRAINING) break;
      this.#byId.delete(id);
    }
  }

  /** Those of another, which stay as long as they would have there. */
  inherit(before: DrainingEndpoints): void {
    for (const [id, draining] of before.#byId) this.#byId.set(id, draining);
  }

  /** It failed a call: it is not draining but gone. */
  abandon(endpoint: LiveEndpoint): void {
    if (this.#byId.get(endpoint.spec.id)?.endpoint === endpoint) this.#byId.delete(endpoint.spec.id);
  }

  of(id: string): Draining | undefined {
    const draining = this.#byId.get(id);
    if (draining === undefined || draining.untilMs > this.#clock.now()) return draining;
    this.#byId.delete(id);
    return undefined;
  }

  clear(): void {
    this.#byId.clear();
  }
}
