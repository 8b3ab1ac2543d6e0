import type { EndpointSpec } from '../../endpoint/endpoint.js';
import { Outcome } from '../../runtime/outcome.js';
import type { Random } from '../../runtime/random.js';
import type { ManualClock } from '../manual-clock.js';
import { type Distribution, drawn } from './distributions.js';
import { endOf, type FailFault, type Fault, type SlowFault } from './faults.js';

/** A server: how long its work takes, how much of it at once, and how discovery describes it. */
export interface SimulatedServer extends Partial<Omit<EndpointSpec, 'host' | 'port'>> {
  /** How long it works on one call. */
  readonly serviceTime: Distribution;
  /**
   * Calls it works on at once; others wait, first come first served. Default: no limit, nothing
   * ever waits.
   */
  readonly concurrency?: number;
  /** Calls that may wait; more are refused after 1 ms as overloaded. Default: no limit. */
  readonly queueLimit?: number;
}

/** `count` servers alike, named s0, s1, …; or each made from its index. */
export function servers(
  count: number,
  server: SimulatedServer | ((index: number) => SimulatedServer),
): SimulatedServer[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `s${index}`,
    ...(typeof server === 'function' ? server(index) : server),
  }));
}

/** One attempt on its way through a server. */
export interface Job {
  /** Called once. */
  answered(outcome: Outcome): void;
  /** The client no longer waits for it. */
  readonly abandoned: boolean;
}

/**
 * A refusal takes this long to arrive, as does the word of a dead process: a round trip in one
 * datacenter.
 */
const REFUSAL_MS = 1;

/** A server at work. It keeps no statistics: what is reported is what the clients saw. */
export class ServerModel {
  readonly id: string;
  readonly #clock: ManualClock;
  readonly #random: Random;
  readonly #server: SimulatedServer;
  readonly #concurrency: number;
  readonly #queueLimit: number;
  readonly #faults: readonly Fault[];
  /** In the order of their times, so that one pause may push work into the next. */
  readonly #stalls: readonly Fault[];
  readonly #queue: Job[] = [];
  readonly #working = new Set<Job>();
  #dead = 0;

  constructor(id: string, server: SimulatedServer, faults: readonly Fault[], clock: ManualClock, random: Random) {
    this.id = id;
    this.#server = server;
    this.#clock = clock;
    this.#random = random;
    this.#concurrency = server.concurrency ?? Number.POSITIVE_INFINITY;
    this.#queueLimit = server.queueLimit ?? Number.POSITIVE_INFINITY;
    this.#faults = faults;
    this.#stalls = faults.filter((fault) => fault.kind === 'stall').sort((a, b) => a.fromMs - b.fromMs);
    for (const fault of faults) if (fault.kind === 'kill') this.#scheduleDeath(fault.fromMs, endOf(fault));
  }

  receive(job: Job): void {
    if (this.#dead > 0) {
      this.#answerLater(job, REFUSAL_MS, Outcome.ConnectFailure);
      return;
    }
    const failure = this.#active('fail') as FailFault | undefined;
    if (failure !== undefined && this.#random.float() < (failure.ratio ?? 1)) {
      this.#answerLater(job, this.#failsAfterMs(failure), failure.outcome ?? Outcome.Failure);
    } else if (this.#working.size < this.#concurrency) {
      this.#work(job);
    } else if (this.#queue.length < this.#queueLimit) {
      this.#queue.push(job);
    } else {
      this.#answerLater(job, REFUSAL_MS, Outcome.Overloaded);
    }
  }

  #failsAfterMs({ after }: FailFault): number {
    return after === undefined ? REFUSAL_MS : drawn(after(this.#random), `after of a fault of server '${this.id}'`);
  }

  #answerLater(job: Job, afterMs: number, outcome: Outcome): void {
    this.#clock.after(afterMs, () => job.answered(outcome));
  }

  #work(job: Job): void {
    this.#working.add(job);
    this.#clock.after(this.#durationMs(), () => {
      // A process that was killed meanwhile had answered it already.
      if (!this.#working.delete(job)) return;
      job.answered(Outcome.Success);
      this.#next();
    });
  }

  /**
   * Nothing waits for an abandoned call, so it is not begun; one already being worked on is worked
   * on to its end.
   */
  #next(): void {
    while (this.#queue.length > 0 && this.#working.size < this.#concurrency) {
      const job = this.#queue.shift()!;
      if (!job.abandoned) this.#work(job);
    }
  }

  /**
   * How long a call that begins now takes, pauses included: the script of faults is known
   * beforehand.
   */
  #durationMs(): number {
    const nowMs = this.#clock.now();
    const slow = this.#active('slow') as SlowFault | undefined;
    const draw = slow?.serviceTime ?? this.#server.serviceTime;
    const workMs = drawn(draw(this.#random), `serviceTime of server '${this.id}'`) * (slow?.factor ?? 1);
    let endMs = nowMs + workMs;
    for (const fault of this.#stalls) {
      const pauseFromMs = Math.max(nowMs, fault.fromMs);
      if (pauseFromMs < endMs && endOf(fault) > pauseFromMs) endMs += endOf(fault) - pauseFromMs;
    }
    return endMs - nowMs;
  }

  #active(kind: Fault['kind']): Fault | undefined {
    const faults = this.#faults;
    if (faults.length === 0) return undefined;
    const nowMs = this.#clock.now();
    return faults.find((fault) => fault.kind === kind && nowMs >= fault.fromMs && nowMs < endOf(fault));
  }

  #scheduleDeath(fromMs: number, untilMs: number): void {
    this.#clock.after(fromMs, () => {
      this.#dead++;
      const lost = [...this.#working, ...this.#queue];
      this.#working.clear();
      this.#queue.length = 0;
      for (const job of lost) job.answered(Outcome.Failure);
    });
    if (untilMs < Number.POSITIVE_INFINITY) this.#clock.after(untilMs, () => this.#dead--);
  }
}
