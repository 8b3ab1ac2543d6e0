import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import type { Clock } from '../runtime/clock.js';

/** An endpoint that should go but may not is reported so often at most. */
const COMPLAIN_EVERY_MS = 1_000;

/** Endpoints that should be ejected, that a cap keeps in, and that have not answered since. */
export class KeptIn {
  readonly #clock: Clock;
  /**
   * With the calls that had ended other than by a failure: more of them now, and it has answered.
   * So an answer need not be told, which would cost every call.
   */
  #kept: Map<LiveEndpoint, number> | undefined;
  /** When it was last reported. */
  #complainedMs: WeakMap<LiveEndpoint, number> | undefined;
  /** Where there was one last that is not kept: mostly it is there still. */
  #otherAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(endpoint: LiveEndpoint): void {
    this.#kept ??= new Map();
    this.#kept.set(endpoint, answers(endpoint));
  }

  /** It went out after all, or is gone. */
  delete(endpoint: LiveEndpoint): void {
    this.#kept?.delete(endpoint);
  }

  clear(): void {
    this.#kept?.clear();
  }

  /** Whether these are all that may be picked. */
  areAll(members: readonly LiveEndpoint[]): boolean {
    const { length } = members;
    for (let step = 0; step < length; step++) {
      const at = (this.#otherAt + step) % length;
      if (this.#isKeptOrOut(members[at]!)) continue;
      this.#otherAt = at;
      return false;
    }
    return true;
  }

  #isKeptOrOut(endpoint: LiveEndpoint): boolean {
    return endpoint.state !== 'ready' || this.#kept?.get(endpoint) === answers(endpoint);
  }

  /** What is kept in stays counted, so every further failure asks again: reported now and then. */
  mayComplain(endpoint: LiveEndpoint): boolean {
    const nowMs = this.#clock.now();
    if (nowMs - (this.#complainedMs?.get(endpoint) ?? Number.NEGATIVE_INFINITY) < COMPLAIN_EVERY_MS) return false;
    this.#complainedMs ??= new WeakMap();
    this.#complainedMs.set(endpoint, nowMs);
    return true;
  }
}

/** Cancelled calls are among them: one that may have answered is not known to fail. */
function answers({ calls, inflight, failures }: LiveEndpoint): number {
  return calls - inflight - failures;
}
