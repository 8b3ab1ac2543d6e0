import type { RoutingKey } from './balancing/policy.js';
import type { Endpoint } from './endpoint/endpoint.js';
import type { Lease } from './lease.js';
import type { Clock } from './runtime/clock.js';
import { FairleadError } from './runtime/errors.js';
import { given, number, optional, readOptions, type Schema, text } from './runtime/options.js';
import { Outcome } from './runtime/outcome.js';
import type { AcquireRequest } from './view.js';

export interface CallOptions {
  /** What to hash by, or to be sticky by. Default: none. */
  readonly key?: RoutingKey | undefined;
  /** The id of the endpoint to use, if it may be: as `AcquireRequest.prefer`. Default: none. */
  readonly prefer?: string | undefined;
  /** Cancels the call: it rejects with FAIRLEAD_CANCELLED whose cause is the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** The call, waiting included, may last this long; milliseconds. Default: no deadline. */
  readonly deadlineMs?: number | undefined;
}

/** What a call needs of its service. */
export interface CallHost {
  readonly name: string;
  readonly clock: Clock;
  readonly closed: boolean;
  readonly options: { readonly waitForReadyMs: number };
  readonly rotation: readonly Endpoint[];
  acquire(request?: AcquireRequest): Lease;
  ready(signal?: AbortSignal): Promise<void>;
  /** What must be waited for before `acquire` can serve this key; undefined where nothing must. */
  prepare(key: RoutingKey): Promise<void> | undefined;
  classify(thrown: unknown): Outcome;
}

const schema: Schema<CallOptions> = {
  key: given<RoutingKey>(),
  prefer: text(undefined),
  signal: given<AbortSignal>(),
  deadlineMs: optional(number(0, 0, Number.MAX_SAFE_INTEGER)),
};

/** Acquire, run, judge. */
export async function runCall<T>(
  host: CallHost,
  run: (endpoint: Endpoint, signal: AbortSignal) => Promise<T> | T,
  options?: CallOptions,
): Promise<T> {
  const { key, prefer, signal, deadlineMs } = options === undefined ? NO_OPTIONS : readOptions('call', options, schema);
  const scope = new CallScope(host, signal, deadlineMs);
  try {
    if (host.rotation.length === 0 && !host.closed) await waitForReady(host, scope);
    const preparing = key === undefined ? undefined : host.prepare(key);
    if (preparing !== undefined) await preparing;
    scope.throwIfEnded();
    const lease = host.acquire({ key, prefer });
    try {
      const result = await scope.race(run(lease.endpoint, scope.signal));
      lease.done(Outcome.Success);
      return result;
    } catch (thrown) {
      lease.done(scope.outcome ?? host.classify(thrown));
      throw scope.error ?? thrown;
    }
  } finally {
    scope.end();
  }
}

const NO_OPTIONS: CallOptions = {};

async function waitForReady(host: CallHost, scope: CallScope): Promise<void> {
  const patience = new AbortController();
  const timer = host.clock.awaited(host.options.waitForReadyMs, () => patience.abort());
  try {
    await host.ready(AbortSignal.any([scope.signal, patience.signal]));
  } catch {
    // Whatever it was, `acquire` says it better: closed, nothing registered, discovery failing.
  } finally {
    timer.cancel();
  }
}

/** The deadline and the caller's signal of one call, and which of them ended it. */
class CallScope {
  readonly #host: CallHost;
  readonly #abort = new AbortController();
  readonly #caller: AbortSignal | undefined;
  readonly #onCallerAbort = (): void => this.#cancel();
  readonly #timer: { cancel(): void } | undefined;
  #reject: ((error: FairleadError) => void) | undefined;
  outcome: Outcome | undefined;
  error: FairleadError | undefined;

  constructor(host: CallHost, caller: AbortSignal | undefined, deadlineMs: number | undefined) {
    this.#host = host;
    this.#caller = caller;
    if (caller?.aborted) this.#cancel();
    else caller?.addEventListener('abort', this.#onCallerAbort, { once: true });
    if (deadlineMs !== undefined) this.#timer = host.clock.awaited(deadlineMs, () => this.#expire(deadlineMs));
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  throwIfEnded(): void {
    if (this.error !== undefined) throw this.error;
  }

  /** The result of `running`, unless the call ends before: a function that ignores its signal cannot hold the caller. */
  race<T>(running: Promise<T> | T): Promise<T> {
    if (this.#timer === undefined && this.#caller === undefined) return Promise.resolve(running);
    return new Promise<T>((resolve, reject) => {
      this.#reject = reject;
      Promise.resolve(running).then(resolve, reject);
      if (this.error !== undefined) reject(this.error);
    });
  }

  end(): void {
    this.#timer?.cancel();
    this.#caller?.removeEventListener('abort', this.#onCallerAbort);
  }

  #cancel(): void {
    const { name: service } = this.#host;
    const cause = this.#caller?.reason;
    this.#finish(
      Outcome.Cancelled,
      new FairleadError('FAIRLEAD_CANCELLED', `A call to '${service}' was cancelled.`, { service, cause }),
    );
  }

  #expire(deadlineMs: number): void {
    const { name: service } = this.#host;
    const message = `A call to '${service}' did not end within its deadline of ${deadlineMs} ms.`;
    this.#finish(Outcome.Timeout, new FairleadError('FAIRLEAD_DEADLINE_EXCEEDED', message, { service }));
  }

  #finish(outcome: Outcome, error: FairleadError): void {
    if (this.error !== undefined) return;
    this.outcome = outcome;
    this.error = error;
    this.#abort.abort(error);
    this.#reject?.(error);
  }
}
