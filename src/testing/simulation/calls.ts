import type { Endpoint } from '../../endpoint/endpoint.js';
import type { Lease } from '../../picking/lease.js';
import type { Timer } from '../../runtime/clock.js';
import type { RoutingKey } from '../../runtime/context.js';
import { Outcome } from '../../runtime/outcome.js';
import type { Service } from '../../service/contract.js';
import type { ManualClock } from '../manual-clock.js';
import { drawn } from './distributions.js';
import type { Recorder } from './recorder.js';
import type { Job, ServerModel } from './server.js';

/** An attempt that was not answered well. */
export interface FailedAttempt {
  /** 1 for the first of a call. */
  readonly attempt: number;
  readonly outcome: Outcome;
  readonly endpoint: Endpoint;
  /** Milliseconds since the call began. */
  readonly elapsedMs: number;
}

/** What a client does besides picking: the same for all calls of a simulation. */
export interface CallBehaviour {
  /** A call that is not answered after this many milliseconds fails. Default: it waits for ever. */
  readonly timeoutMs?: number;
  /**
   * Asked after each failed attempt: the milliseconds until the next one, or undefined to give up.
   * The endpoints tried are avoided. Default: no retry.
   */
  readonly retry?: (failed: FailedAttempt) => number | undefined;
  /**
   * A call not answered after this many milliseconds is sent once more, to another endpoint; the
   * first answer wins.
   */
  readonly hedgeAfterMs?: number;
}

/** What a call needs of its simulation. */
export interface CallContext {
  readonly clock: ManualClock;
  readonly service: Service;
  readonly models: ReadonlyMap<string, ServerModel>;
  readonly behaviour: { readonly [Key in keyof CallBehaviour]: CallBehaviour[Key] | undefined };
  readonly recorder: Recorder;
}

/** One call of a client: an attempt, and what retrying and hedging add to it. */
export class SimulatedCall {
  readonly #context: CallContext;
  readonly #key: RoutingKey | undefined;
  readonly #startMs: number;
  readonly #ended: (() => void) | undefined;
  readonly #running = new Set<Attempt>();
  /** Answered or not: neither a retry nor a hedge goes where the call has been. */
  readonly #tried: Endpoint[] = [];
  #attempts = 0;
  #settled = false;
  #waiting = 0;
  #deadline: Timer | undefined;
  #hedge: Timer | undefined;

  constructor(context: CallContext, key: RoutingKey | undefined, ended: (() => void) | undefined) {
    this.#context = context;
    this.#key = key;
    this.#ended = ended;
    const { clock, behaviour } = context;
    this.#startMs = clock.now();
    if (behaviour.timeoutMs !== undefined) {
      this.#deadline = clock.after(behaviour.timeoutMs, () => this.#settle(false, Outcome.Timeout));
    }
    if (behaviour.hedgeAfterMs !== undefined) {
      this.#hedge = clock.after(behaviour.hedgeAfterMs, () => this.#attempt());
    }
    this.#attempt();
  }

  get settled(): boolean {
    return this.#settled;
  }

  #attempt(): void {
    const { service, models, recorder } = this.#context;
    let lease: Lease;
    try {
      lease = service.acquire(
        this.#key === undefined && this.#attempts === 0 ? undefined : { key: this.#key, tried: this.#tried },
      );
    } catch {
      // No endpoint: the call has nowhere to go, unless another attempt of it is still on its way.
      if (this.#running.size === 0 && this.#waiting === 0) this.#settle(false, Outcome.Failure);
      return;
    }
    this.#attempts++;
    const { endpoint } = lease;
    this.#tried.push(endpoint);
    recorder.began(endpoint);
    const attempt = new Attempt(this, lease, this.#attempts);
    this.#running.add(attempt);
    models.get(endpoint.spec.id)?.receive(attempt);
  }

  /** An attempt was answered, after the call was settled perhaps. */
  answered(attempt: Attempt, outcome: Outcome): void {
    if (!this.#running.delete(attempt)) return;
    const { recorder, behaviour, clock } = this.#context;
    const { endpoint } = attempt.lease;
    attempt.lease.done(outcome);
    recorder.ended(endpoint, outcome);
    if (outcome === Outcome.Success) {
      this.#settle(true, Outcome.Cancelled);
      return;
    }
    const elapsedMs = clock.now() - this.#startMs;
    const delayMs = behaviour.retry?.({ attempt: attempt.number, outcome, endpoint, elapsedMs });
    if (delayMs !== undefined) {
      this.#waiting++;
      clock.after(drawn(delayMs, 'simulation.retry()'), () => {
        this.#waiting--;
        if (!this.#settled) this.#attempt();
      });
    } else if (this.#running.size === 0 && this.#waiting === 0) {
      this.#settle(false, Outcome.Failure);
    }
  }

  /** `unanswered` is how the attempts still on their way are judged. */
  #settle(ok: boolean, unanswered: Outcome): void {
    this.#settled = true;
    this.#deadline?.cancel();
    this.#hedge?.cancel();
    const { recorder, clock } = this.#context;
    for (const attempt of this.#running) {
      attempt.lease.done(unanswered);
      recorder.ended(attempt.lease.endpoint, unanswered);
    }
    this.#running.clear();
    recorder.settled(this.#startMs, clock.now(), ok);
    this.#ended?.();
  }
}

class Attempt implements Job {
  readonly lease: Lease;
  readonly number: number;
  readonly #call: SimulatedCall;

  constructor(call: SimulatedCall, lease: Lease, number: number) {
    this.#call = call;
    this.lease = lease;
    this.number = number;
  }

  get abandoned(): boolean {
    return this.#call.settled;
  }

  answered(outcome: Outcome): void {
    this.#call.answered(this, outcome);
  }
}
