import { addressOf } from '../endpoint/endpoint.js';
import { whenAborted } from '../runtime/abort-audience.js';
import { type Clock, judgeAfter, type Timer } from '../runtime/clock.js';
import { toError } from '../runtime/errors.js';
import type { Random } from '../runtime/random.js';
import { runUntraced } from '../runtime/untraced.js';
import type { ActiveCheck, CheckTarget } from './active-check.js';

/** What is reported about an address to all that have it checked. */
export interface CheckListener {
  /**
   * It turned healthy or unhealthy; the first time this is reported even where it was taken for
   * that.
   */
  turned(healthy: boolean, reason: Error | undefined): void;
  /** A check passed. */
  passed(): void;
}

/** Checks in progress at once, over all services of a mesh: more would be a burst of sockets. */
const MAX_CONCURRENT = 64;

/**
 * First checks are spread over this long, or over the interval where it is shorter: everything
 * arrives at once.
 */
const FIRST_WITHIN_MS = 1_000;

/**
 * Runs the active checks of a mesh, one loop per check and address, however many services list it.
 * A check that is due waits in a queue while too many are in progress.
 */
export class CheckHub {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #loops = new Map<string, CheckLoop>();
  readonly #queue = new Set<CheckLoop>();
  readonly #names = new WeakMap<ActiveCheck, string>();
  #unnamed = 0;
  #asking = 0;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Checks in progress. */
  get asking(): number {
    return this.#asking;
  }

  /** Addresses being checked, each counted once per check. */
  get size(): number {
    return this.#loops.size;
  }

  /** Begins to check the address, or joins those who do. Returns a function that ends it. */
  watch(check: ActiveCheck, target: CheckTarget, listener: CheckListener): () => void {
    const key = `${this.#nameOf(check)} ${addressOf(target)}`;
    let loop = this.#loops.get(key);
    if (loop === undefined) {
      const { clock, random } = { clock: this.#clock, random: this.#random };
      loop = new CheckLoop(check, target, clock, random, (due) => this.#enqueue(due));
      this.#loops.set(key, loop);
    }
    const joined = loop;
    joined.join(listener);
    return () => {
      if (!joined.leave(listener)) return;
      this.#queue.delete(joined);
      if (this.#loops.get(key) === joined) this.#loops.delete(key);
    };
  }

  #nameOf(check: ActiveCheck): string {
    if (check.identity !== undefined) return `${check.identity} ${JSON.stringify(check.timing)}`;
    let name = this.#names.get(check);
    if (name === undefined) {
      name = `#${this.#unnamed++}`;
      this.#names.set(check, name);
    }
    return name;
  }

  #enqueue(loop: CheckLoop): void {
    this.#queue.add(loop);
    this.#next();
  }

  #next(): void {
    for (const loop of this.#queue) {
      if (this.#asking >= MAX_CONCURRENT) return;
      this.#queue.delete(loop);
      this.#asking++;
      void loop.run().finally(() => {
        this.#asking--;
        this.#next();
      });
    }
  }
}

/** One check on one address. */
class CheckLoop {
  readonly #check: ActiveCheck;
  readonly #target: CheckTarget;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #due: (loop: CheckLoop) => void;
  readonly #listeners = new Set<CheckListener>();
  #timer: Timer | undefined;
  #abort: AbortController | undefined;
  #ended = false;
  /** Undefined before the first result. */
  #healthy: boolean | undefined;
  #reason: Error | undefined;
  /** Results in a row that speak against `#healthy`. */
  #against = 0;

  constructor(check: ActiveCheck, target: CheckTarget, clock: Clock, random: Random, due: (loop: CheckLoop) => void) {
    this.#check = check;
    this.#target = target;
    this.#clock = clock;
    this.#random = random;
    this.#due = due;
    const { intervalMs, initially } = check.timing;
    // An endpoint in use can wait for its turn; one that waits for its first check should not wait
    // long.
    const withinMs = initially === 'healthy' ? intervalMs : Math.min(intervalMs, FIRST_WITHIN_MS);
    this.#arm(random.float() * withinMs);
  }

  join(listener: CheckListener): void {
    this.#listeners.add(listener);
    if (this.#healthy !== undefined) listener.turned(this.#healthy, this.#reason);
  }

  /** True when none is left. */
  leave(listener: CheckListener): boolean {
    this.#listeners.delete(listener);
    if (this.#listeners.size > 0 || this.#ended) return false;
    this.#ended = true;
    this.#timer?.cancel();
    this.#abort?.abort();
    return true;
  }

  /** Asks once and plans the next time. Never rejects. */
  async run(): Promise<void> {
    if (this.#ended) return;
    let reason: Error | undefined;
    try {
      await this.#ask();
    } catch (thrown) {
      reason = toError(thrown);
    }
    if (this.#ended) return;
    this.#judge(reason);
    const { intervalMs, jitterRatio } = this.#check.timing;
    if (!this.#ended) this.#arm(intervalMs * (1 + jitterRatio * (2 * this.#random.float() - 1)));
  }

  #arm(delayMs: number): void {
    this.#timer = this.#clock.after(delayMs, () => this.#due(this));
  }

  #ask(): Promise<void> {
    const { timeoutMs } = this.#check.timing;
    const abort = new AbortController();
    this.#abort = abort;
    return new Promise<void>((resolve, reject) => {
      const late = (): void =>
        abort.abort(new Error(`no answer to the ${this.#check.name} check within ${timeoutMs} ms`));
      const timer = judgeAfter(this.#clock, timeoutMs, late, 'after');
      whenAborted(abort.signal, () => reject(abort.signal.reason));
      // What a check throws at once is a rejection too.
      new Promise<void>((take) => take(runUntraced(() => this.#check.ask(this.#target, abort.signal))))
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
  }

  #judge(reason: Error | undefined): void {
    const passed = reason === undefined;
    const { healthyThreshold, unhealthyThreshold, initially } = this.#check.timing;
    if (passed === this.#healthy) this.#against = 0;
    else {
      this.#against++;
      const first = this.#healthy === undefined;
      const threshold = passed ? healthyThreshold : unhealthyThreshold;
      // The first result decides, but one failure does not put out an endpoint that is taken for
      // healthy.
      if ((first && (passed || initially === 'unhealthy')) || this.#against >= threshold) this.#turn(passed, reason);
    }
    if (passed) for (const listener of [...this.#listeners]) listener.passed();
  }

  #turn(healthy: boolean, reason: Error | undefined): void {
    this.#healthy = healthy;
    this.#reason = reason;
    this.#against = 0;
    for (const listener of [...this.#listeners]) listener.turned(healthy, reason);
  }
}
