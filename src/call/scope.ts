import type { Lease } from '../picking/lease.js';
import { forgetAbort, whenAborted } from '../runtime/abort-audience.js';
import { type Clock, judgeAfter } from '../runtime/clock.js';
import { FairleadError } from '../runtime/errors.js';
import { Outcome } from '../runtime/outcome.js';

/** What settles the promise that was made last: one function for all costs none for each. */
const taken: { resolve: (value: never) => void; reject: (error: unknown) => void } = {
  resolve: () => {},
  reject: () => {},
};

function take(resolve: (value: never) => void, reject: (error: unknown) => void): void {
  taken.resolve = resolve;
  taken.reject = reject;
}

/** Starts something that ends by `resolve` or `reject`, and returns a function that stops it. */
export type Begin<T> = (resolve: (value: T) => void, reject: (error: unknown) => void) => () => void;

/**
 * The deadline and the caller's signal of one call, and which of them ended it. Makes its signal
 * only on demand: an AbortController costs more than all the rest of a call.
 */
export class CallScope {
  readonly #service: string;
  readonly #caller: AbortSignal | undefined;
  readonly #timer: { cancel(): void } | undefined;
  readonly #endsAtMs: number;
  readonly #clock: Clock;
  #onCallerAbort: (() => void) | undefined;
  #abort: AbortController | undefined;
  #interrupt: ((error: FairleadError) => void) | undefined;
  /** Of the list of scopes. */
  next: CallScope | undefined = undefined;
  previous: CallScope | undefined = undefined;
  /** What the caller waits for. */
  #resolve: ((value: never) => void) | undefined = undefined;
  #reject: ((error: unknown) => void) | undefined = undefined;
  /** That of the attempt under way, where there is one by itself. */
  lease: Lease | undefined = undefined;
  /** The endpoint that is at work; undefined between attempts, or where several are. */
  at: string | undefined;
  /** While it waits: why it has not got further, for the error of a deadline. */
  waitsFor: (() => unknown) | undefined;
  /** When it began to; NaN where no deadline limits it. */
  #atSinceMs = Number.NaN;
  /**
   * What the end of the scope says about an endpoint that was at work; undefined while it goes on.
   */
  outcome: Outcome | undefined;
  error: FairleadError | undefined;

  constructor(service: string, clock: Clock, caller: AbortSignal | undefined, deadlineMs: number | undefined) {
    this.#service = service;
    this.#clock = clock;
    this.#caller = caller;
    if (caller !== undefined) {
      if (caller.aborted) this.#cancel();
      else {
        this.#onCallerAbort = this.#cancelling();
        whenAborted(caller, this.#onCallerAbort);
      }
    }
    if (deadlineMs === undefined) {
      this.#endsAtMs = Number.POSITIVE_INFINITY;
    } else {
      this.#endsAtMs = clock.now() + deadlineMs;
      // No time at all: what could only be thrown away is not begun.
      if (deadlineMs === 0) this.#expire(deadlineMs);
      else {
        // What waits for its turn has nobody's answer to wait for.
        const atWork = (): boolean => this.waitsFor === undefined;
        this.#timer = judgeAfter(clock, deadlineMs, () => this.#expire(deadlineMs), 'awaited', atWork);
      }
    }
  }

  /**
   * What the caller gets: settled by `resolve` and `reject`, or by `breakOff`, although the work of
   * the call goes on. Once.
   */
  promise<T>(): Promise<T> {
    const promise = new Promise<T>(take);
    this.#resolve = taken.resolve;
    this.#reject = taken.reject;
    return promise;
  }

  resolve<T>(value: T): void {
    this.#resolve?.(value as never);
  }

  reject(error: unknown): void {
    this.#reject?.(error);
  }

  /** The service closed, and waits no longer. A function that ignores its signal holds nobody. */
  breakOff(): void {
    const service = this.#service;
    const where = this.at === undefined ? '' : `: endpoint '${this.at}' had not answered`;
    const message = `A call to '${service}' had not ended when the service closed, and was broken off${where}.`;
    const error = new FairleadError('FAIRLEAD_CLOSED', message, { service, endpoint: this.at });
    this.#reject?.(error);
    this.#finish(Outcome.Cancelled, error);
    this.lease?.done(Outcome.Cancelled);
  }

  /** Whether it can end before its work does. */
  get limited(): boolean {
    return this.#timer !== undefined || this.#caller !== undefined;
  }

  /**
   * Aborts when the scope ends. Never the caller's own: that may live as long as the process, and
   * would collect the listeners that calls forget on it.
   */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.error !== undefined) this.#abort.abort(this.error);
    }
    return this.#abort.signal;
  }

  /**
   * Milliseconds until the deadline, less than 0 where it has passed while this process was busy;
   * Infinity without one.
   */
  get remainingMs(): number {
    return this.#timer === undefined ? Number.POSITIVE_INFINITY : this.#endsAtMs - this.#clock.now();
  }

  /** The endpoint is at work from now on. */
  begin(lease: Lease): void {
    this.lease = lease;
    this.at = lease.endpoint.spec.id;
    if (this.#timer !== undefined) this.#atSinceMs = this.#clock.now();
  }

  /** How long it had, where that is known. */
  get attemptMs(): number | undefined {
    return Number.isNaN(this.#atSinceMs) ? undefined : this.since(this.#atSinceMs);
  }

  /**
   * Milliseconds from then to now, or to the deadline where that has passed: in a busy process what
   * is late is the timer, not the endpoint.
   */
  since(startedMs: number): number {
    return Math.min(this.#clock.now(), this.#endsAtMs) - startedMs;
  }

  throwIfEnded(): void {
    if (this.error !== undefined) throw this.error;
  }

  /**
   * The result of `running`, unless the call ends before: a function that ignores its signal cannot
   * hold the caller.
   */
  race<T>(running: Promise<T> | T): Promise<T> | T {
    if (!this.limited) return running;
    return new Promise<T>((resolve, reject) => {
      // Left there when it has settled: rejecting it again does nothing.
      this.#interrupt = reject;
      if (this.error !== undefined) reject(this.error);
      Promise.resolve(running).then(resolve, reject);
    });
  }

  /** Waits `delayMs`; rejects when the call ends before, or `stopping` aborts: with its reason. */
  sleep(delayMs: number, stopping: AbortSignal): Promise<void> {
    return this.until<void>((resolve, reject) => {
      const stop = (): void => {
        timer.cancel();
        forgetAbort(stopping, onStop);
      };
      const onStop = (): void => {
        stop();
        reject(stopping.reason);
      };
      const timer = this.#clock.awaited(delayMs, () => {
        stop();
        resolve();
      });
      if (stopping.aborted) onStop();
      else whenAborted(stopping, onStop);
      return stop;
    });
  }

  /** What `begin` starts, stopped and rejected when the call ends before. One at a time. */
  until<T>(begin: Begin<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const stop = begin(
        (value) => {
          this.#interrupt = undefined;
          resolve(value);
        },
        (error) => {
          this.#interrupt = undefined;
          reject(error);
        },
      );
      const interrupt = (error: FairleadError): void => {
        stop();
        reject(error);
      };
      if (this.error !== undefined) interrupt(this.error);
      else this.#interrupt = interrupt;
    });
  }

  /** Its work is over. Idempotent. */
  end(): void {
    this.#timer?.cancel();
    if (this.#onCallerAbort !== undefined) forgetAbort(this.#caller as AbortSignal, this.#onCallerAbort);
  }

  /** Made here, and not where it is assigned: see `test/built-closures.test.ts`. */
  #cancelling(): () => void {
    return () => this.#cancel();
  }

  #cancel(): void {
    const service = this.#service;
    const cause = this.#caller?.reason;
    this.#finish(
      Outcome.Cancelled,
      new FairleadError('FAIRLEAD_CANCELLED', `A call to '${service}' was cancelled.`, { service, cause }),
    );
  }

  #expire(deadlineMs: number): void {
    const service = this.#service;
    const cause = this.waitsFor?.();
    let why = '.';
    if (cause !== undefined) {
      // Of our own errors what they say; those of drivers may have secrets in them.
      why = cause instanceof FairleadError ? `: ${cause.message}` : ': it was waiting to be repeated.';
    } else if (this.at !== undefined) why = `: endpoint '${this.at}' had not answered.`;
    const message = `A call to '${service}' did not end within its deadline of ${deadlineMs} ms${why}`;
    const details = { service, endpoint: this.at, cause };
    this.#finish(Outcome.Timeout, new FairleadError('FAIRLEAD_DEADLINE_EXCEEDED', message, details));
  }

  #finish(outcome: Outcome, error: FairleadError): void {
    if (this.error !== undefined) return;
    this.outcome = outcome;
    this.error = error;
    this.#abort?.abort(error);
    const interrupt = this.#interrupt;
    this.#interrupt = undefined;
    interrupt?.(error);
  }
}
