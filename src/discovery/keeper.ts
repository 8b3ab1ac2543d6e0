import { Backoff } from '../runtime/backoff.js';
import type { Timer } from '../runtime/clock.js';
import type { FairleadError } from '../runtime/errors.js';
import type { DiscoveryContext } from './context.js';
import type { ReportedHealth } from './registrar.js';

/** Who wants the instance listed. */
export interface KeeperOwner {
  /** What the instance said of itself last; undefined while nothing was reported. */
  readonly health: ReportedHealth | undefined;
  readonly note: string;
  become(status: 'registered' | 'lost' | 'replaced'): void;
  /** Something failed and is tried again. */
  failed(error: FairleadError): void;
}

export interface Wanted<Instance> {
  readonly instance: Instance;
  readonly owner: KeeperOwner;
}

/** What a caller waits for: that the registry agrees with what is wanted. */
export interface Goal {
  /** The registry has what is wanted now, which may be something later. */
  reached(): void;
  /** A try failed; `refused` where the same request would be refused again. */
  missed?(error: FairleadError, refused: boolean): void;
}

export interface KeeperSettings extends DiscoveryContext {
  /** The registry is asked at least this often whether it is as wanted; milliseconds. */
  readonly verifyIntervalMs: number;
  readonly maxBackoffMs: number;
}

const BACKOFF_BASE_MS = 100;

/**
 * Keeps one id at a registry as it is wanted: listed as this instance, or not at all. It is a
 * reconciliation: what is wanted stays wanted until the registry agrees, and is looked at again for
 * as long as it is wanted. Turns for one id never overlap, so requests take effect in order.
 */
export abstract class Keeper<Instance> {
  readonly #settings: KeeperSettings;
  readonly #backoff: Backoff;
  readonly #ended: () => void;
  /** Who waits, and for what. */
  readonly #goals = new Map<Goal, Wanted<Instance> | undefined>();
  #wanted: Wanted<Instance> | undefined;
  /** Whether the registry ever had it, so that a failure may mean that it has it no longer. */
  #wasListed = false;
  #timer: Timer | undefined;
  #turn: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  /** `ended`: nothing is wanted any longer, and the registry agrees. */
  constructor(settings: KeeperSettings, ended: () => void) {
    this.#settings = settings;
    this.#backoff = new Backoff(settings.random, { baseMs: BACKOFF_BASE_MS, maxMs: settings.maxBackoffMs });
    this.#ended = ended;
  }

  /**
   * One step towards the registry having the instance, or a look whether it still has. Returns the
   * milliseconds until the next; 0 where it is due now.
   */
  protected abstract list(wanted: Wanted<Instance>): Promise<number>;
  /** One step towards the registry not having it; Infinity where it has not, and never will. */
  protected abstract unlist(): Promise<number>;
  protected abstract toFailure(thrown: unknown): FairleadError;
  /** Whether the same request would be refused again. */
  protected abstract isRefusal(error: FairleadError): boolean;
  /** How often it has to be kept alive; Infinity where it has not to be. Milliseconds. */
  protected abstract beatMs(instance: Instance): number;

  get wanted(): Wanted<Instance> | undefined {
    return this.#wanted;
  }

  protected get wasListed(): boolean {
    return this.#wasListed;
  }

  /** From now on this is wanted, or nothing. The goal is called when the registry agrees. */
  want(wanted: Wanted<Instance> | undefined, goal?: Goal): void {
    this.#wanted = wanted;
    if (goal !== undefined) this.#goals.set(goal, wanted);
    void this.hurry();
  }

  /** No caller waits for it any longer. */
  leave(goal: Goal): void {
    this.#goals.delete(goal);
  }

  /** Nothing more is sent. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#goals.clear();
  }

  /** A turn now, or right after the one that is going on. Resolves when it is over. */
  async hurry(): Promise<void> {
    if (this.#stopped) return;
    this.#timer?.cancel();
    if (this.#turn === undefined) {
      this.#turn = this.#run();
    } else {
      this.#again = true;
    }
    await this.#turn;
  }

  protected listed(): void {
    this.#wasListed = true;
  }

  /** The registry agrees with what is wanted. */
  protected reached(): void {
    const reached = [...this.#goals.keys()];
    this.#goals.clear();
    for (const goal of reached) goal.reached();
  }

  protected nowMs(): number {
    return this.#settings.clock.now();
  }

  async #run(): Promise<void> {
    let waitMs: number;
    do {
      this.#again = false;
      waitMs = await this.#try();
    } while ((this.#again || waitMs === 0) && !this.#stopped);
    this.#turn = undefined;
    if (this.#stopped) return;
    if (waitMs === Number.POSITIVE_INFINITY) {
      this.#stopped = true;
      this.#ended();
      return;
    }
    // What a caller waits for keeps the process alive; heartbeats do not.
    const kind = this.#goals.size > 0 ? 'awaited' : 'after';
    this.#timer = this.#settings.clock[kind](waitMs, () => void this.hurry());
  }

  /** One step towards what is wanted. The milliseconds until the next; Infinity: there is none. */
  async #try(): Promise<number> {
    const wanted = this.#wanted;
    try {
      const waitMs = wanted === undefined ? await this.unlist() : await this.list(wanted);
      if (waitMs > 0) this.#backoff.reset();
      return waitMs;
    } catch (thrown) {
      return this.#failed(this.toFailure(thrown), wanted);
    }
  }

  #failed(error: FairleadError, wanted: Wanted<Instance> | undefined): number {
    if (this.#wasListed) wanted?.owner.become('lost');
    wanted?.owner.failed(error);
    for (const [goal, aim] of [...this.#goals]) {
      if (aim === wanted) goal.missed?.(error, this.isRefusal(error));
    }
    if (this.#wanted !== wanted) return 0;
    // Well within the time to live, or a second try comes too late.
    const { verifyIntervalMs } = this.#settings;
    if (wanted === undefined) return this.#goals.size > 0 ? this.#backoff.next() : verifyIntervalMs;
    return Math.max(1, Math.min(this.#backoff.next(), this.beatMs(wanted.instance) / 2));
  }
}
