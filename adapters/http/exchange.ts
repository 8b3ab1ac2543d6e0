import type { Dispatcher } from 'undici';
import { type CallRoute, callAbout, routeOf, type TracedCall, tracerOf, whenAborted } from '../../src/adapter.js';
import { type AcquireRequest, type Endpoint, type Lease, Outcome, type Timer } from '../../src/index.js';
import { parseRetryAfter } from '../../src/resilience/index.js';
import type { Attempt, Settle } from './attempt.js';
import { AttemptFailed, unwrapped } from './attempt-failed.js';
import type { AttemptHost } from './attempt-host.js';
import { Attempts } from './attempts.js';
import { notMade, repeatWithBody } from './body-let-go.js';
import { type HttpCall, intentOf, type MeshDispatchOptions } from './call.js';
import type { ExchangeContext } from './exchange-context.js';
import { ExchangeFigures } from './exchange-figures.js';
import { headerOf } from './headers.js';
import { NewAttempt, type NewHandler } from './new-attempt.js';
import { OldAttempt, type OldHandler } from './old-attempt.js';
import type { HttpRequest } from './options.js';
import { conductOptions, isRepeatStatus, nextDelayMs, whyNotAgain } from './repeats.js';
import { isStreamed, knownBytesOf, ReplayBody } from './replay-body.js';
import { forAttempt, toSend } from './sent-request.js';
import { shadowRequest } from './shadow.js';
import { StableController } from './stable-controller.js';
import { withTrace } from './traced.js';
import { type HttpVerdict, isIdempotent, outcomeOfStatus, verdictOfError } from './verdict.js';

const ABORTED = { name: 'AbortError', code: 'UND_ERR_ABORTED' };

/**
 * One request and its response: attempts on one endpoint after the other, of which the caller's
 * handler sees one.
 *
 * ## Repeats
 * What was not sent goes to another endpoint, whatever its method. What was sent and got no final
 * response is made again if it is idempotent (RFC 9110, 9.2.2) and its body can be sent again.
 * After the headers of a final response nothing is. The service's `retry` and its budget say how
 * often.
 *
 * ## Two ways
 * Where the service has neither a deadline nor hedging nor a waiting line, attempts take their
 * leases by `acquire()`. Otherwise each is run by `service.call()`.
 */
export class Exchange extends Attempts implements AttemptHost<Attempt> {
  readonly handler: Dispatcher.DispatchHandler;
  readonly #context: ExchangeContext;
  readonly #origin: string;
  readonly #given: Dispatcher.DispatchOptions;
  /** Without what is not sent. */
  readonly #options: Dispatcher.DispatchOptions;
  #request: HttpRequest | undefined;
  readonly #isNew: boolean;
  readonly #body: ReplayBody | undefined;
  readonly #call: HttpCall | undefined;
  readonly #key: AcquireRequest['key'];
  readonly #prefer: string | undefined;
  readonly #route: CallRoute | undefined;
  readonly #idempotent: boolean;
  #controller: StableController | undefined;
  #announced = false;
  #cancelled = false;
  #over = false;
  #pause: Timer | undefined;
  /** Undefined while nobody reads figures. */
  readonly figures: ExchangeFigures | undefined;

  constructor(
    context: ExchangeContext,
    origin: string,
    options: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler,
  ) {
    super();
    const { settings, planning } = context;
    this.#context = context;
    this.figures = context.counter.on ? new ExchangeFigures(context, options.method) : undefined;
    this.#origin = origin;
    this.handler = handler;
    this.#given = options;
    this.#isNew = typeof (handler as NewHandler).onRequestStart === 'function';
    this.#call = (options as MeshDispatchOptions).fairlead;
    const { key, prefer, idempotent } = intentOf(settings, this.#call, this);
    this.#key = key;
    this.#route = routeOf(context.service, key, (name) => this.request.header(name));
    this.#prefer = prefer;
    this.#idempotent =
      !this.#isLaterAttempt &&
      (idempotent ?? (planning.idempotent || options.idempotent === true || isIdempotent(options.method)));
    const replayBytes = this.#call?.replayBytes ?? settings.replayBytes;
    this.#body = isStreamed(options.body) ? new ReplayBody(options.body, replayBytes, context.ledger) : undefined;
    this.#options = toSend(options, settings.controlHeaders, this.#route?.carried);
  }

  /** Ends it for the caller, who gave up, with all its attempts. */
  readonly abort = (reason?: Error): void => {
    this.#cancelled = true;
    const error = reason ?? Object.assign(new Error('Request aborted'), ABORTED);
    this.#pause?.cancel();
    const { live } = this;
    for (const attempt of live) attempt.abort(error);
    // Between two attempts undici has nothing to report.
    if (live.length === 0) this.#fail(error);
  };

  /** Made where an option asks for it. */
  get request(): HttpRequest {
    const { method, headers, path } = this.#given;
    this.#request ??= {
      service: this.#context.service.name,
      method,
      path: String(path),
      header: (name) => headerOf(headers, name.toLowerCase()),
    };
    return this.#request;
  }

  get controller(): StableController {
    this.#controller ??= new StableController(this.abort);
    return this.#controller;
  }

  /** Returns what undici's `dispatch` does: false where it should not be given more for now. */
  begin(): boolean {
    const { planning, service } = this.#context;
    const from = this.#call?.from;
    const mirror = this.#route?.mirror;
    if (mirror !== undefined) shadowRequest(this.#context, this.#origin, this.#options, mirror, this.#key);
    if (!planning.direct || (from ?? service).rotation.length === 0) {
      void this.#conduct();
      return true;
    }
    planning.begun();
    return this.#next(undefined);
  }

  /** For attempts: whether the request may be written. */
  starting(attempt: Attempt): boolean {
    return !this.#over && (this.committed === undefined || this.committed === attempt);
  }

  /** For attempts of the new kind, whose handler hears of the start once. */
  announces(): boolean {
    const first = !this.#announced;
    this.#announced = true;
    return first;
  }

  /** For attempts: a final status came. False where the caller will see another one. */
  accepts(attempt: Attempt, status: number): boolean {
    if (this.committed === undefined && this.#repeats(attempt, status)) return false;
    if (this.commit(attempt)) return true;
    this.lose(attempt);
    return false;
  }

  /** The caller sees this attempt. The others end. */
  commit(attempt: Attempt): boolean {
    if (this.committed !== undefined) return this.committed === attempt;
    this.committed = attempt;
    this.#call?.answeredBy?.(attempt.endpoint);
    this.loseOthers();
    return true;
  }

  /** The response has arrived whole. */
  completing(attempt: Attempt): void {
    attempt.stage = 'over';
    attempt.end(this.outcomeOf(attempt.status));
    this.figures?.answered(attempt.status);
    this.endLost();
    this.#close();
  }

  /**
   * The caller's handler threw at the end of the response: undici reports that to it as an error,
   * by which its retry interceptor begins the next attempt.
   */
  threw(error: Error): void {
    this.#report(error);
  }

  outcomeOf(status: number): Outcome {
    return this.#context.settings.classify?.(status, this.request) ?? outcomeOfStatus(status);
  }

  /** For attempts: runs when a response has gone unread for too long. */
  after(fire: () => void): Timer {
    return this.#context.clock.after(this.#context.settings.unreadBodyMs, fire);
  }

  failed(attempt: Attempt, error: Error): void {
    if (attempt.finished || attempt.stage === 'lost') return;
    attempt.stage = 'over';
    const verdict: HttpVerdict = this.#cancelled
      ? { outcome: Outcome.Cancelled, repeat: 'never' }
      : verdictOfError(error, attempt.sent);
    const committed = this.committed === attempt;
    const beside = this.live.length;
    const repeat = committed ? 'never' : repeatWithBody(error, verdict, this.#replayable, beside);
    if (!committed && beside === 0) this.#noteSkipped(verdict.repeat);
    attempt.end(verdict.outcome, new AttemptFailed(error, { ...verdict, repeat }));
    if (committed) this.endLost();
    if (committed) this.#fail(error);
    else if (!this.#conducted) this.#again(error, repeat, undefined);
  }

  #noteSkipped(repeat: HttpVerdict['repeat']): void {
    const why = whyNotAgain(repeat, this.#idempotent, this.#call?.attempt, this.#body);
    if (why !== undefined && !this.#over) this.#context.ledger.skip(why);
  }

  /** A caller before this one repeats it. */
  get #isLaterAttempt(): boolean {
    return (this.#call?.attempt ?? 1) > 1;
  }

  get #replayable(): boolean {
    return this.#body?.replayable ?? true;
  }

  /** Attempts are run, and repeated, by `service.call()`. */
  #conducted = false;
  #traced: TracedCall | undefined;

  async #conduct(): Promise<void> {
    this.#conducted = true;
    const options = conductOptions(this.#context, this.#call ?? {}, {
      key: this.#key,
      prefer: this.#prefer,
      ...(this.#route !== undefined && { labels: (name: string) => this.request.header(name) }),
      idempotent: this.#idempotent,
      classify: (thrown) => {
        const verdict = verdictOfError(thrown, true);
        // Its own attempt is among those at work still.
        return { ...verdict, repeat: repeatWithBody(thrown, verdict, this.#replayable, this.live.length - 1) };
      },
    });
    const run = (endpoint: Endpoint, signal: AbortSignal): Promise<Outcome> =>
      new Promise((resolve, reject) => {
        // A hedge whose body is let go, or of a response that is being read.
        if (this.count > 0 && !(this.#replayable && this.committed === undefined)) return reject(notMade());
        const attempt = this.#launch(endpoint, undefined, { resolve, reject });
        const onAbort = (): void => this.#timedOut(attempt, signal.reason);
        if (signal.aborted) onAbort();
        else whenAborted(signal, onAbort);
      });
    try {
      await (this.#call?.from ?? this.#context.service).call(run, options);
    } catch (thrown) {
      this.#fail(unwrapped(thrown));
    }
  }

  /**
   * `service.call()` wants no more of an attempt: its deadline, or a hedge that was answered first.
   */
  #timedOut(attempt: Attempt, reason: unknown): void {
    if (attempt.finished) return;
    this.leave(attempt, Outcome.Cancelled, new AttemptFailed(reason, { outcome: Outcome.Cancelled, repeat: 'never' }));
    if (this.committed === attempt) this.#fail(reason as Error);
  }

  #next(last: Error | undefined): boolean {
    let lease: Lease;
    try {
      lease = (this.#call?.from ?? this.#context.service).acquire(this.#asked());
    } catch (thrown) {
      // What went wrong before matters more than that there is no other endpoint.
      this.#fail(last ?? (thrown as Error));
      return true;
    }
    return this.#dispatch(this.#attempt(lease.endpoint, lease, undefined));
  }

  /** Nothing is made for what asks for nothing. */
  #asked(): AcquireRequest | undefined {
    if (this.count === 0 && this.#key === undefined && this.#prefer === undefined && this.#route === undefined) return;
    return { key: this.#key, prefer: this.#prefer, tried: this.tried, part: this.#route?.part };
  }

  #launch(endpoint: Endpoint, lease: Lease | undefined, settle: Settle): Attempt {
    const attempt = this.#attempt(endpoint, lease, settle);
    this.#dispatch(attempt);
    return attempt;
  }

  #attempt(endpoint: Endpoint, lease: Lease | undefined, settle: Settle | undefined): Attempt {
    const attempt = this.#isNew
      ? new NewAttempt(this, endpoint, lease, settle)
      : new OldAttempt(this, endpoint, lease, settle);
    this.add(attempt);
    return attempt;
  }

  #dispatch(attempt: Attempt): boolean {
    const pool = this.#context.pools.of(attempt.endpoint, this.#origin);
    const { service } = this.#context;
    try {
      const tracer = tracerOf(service);
      if (tracer === undefined) return pool.dispatch(this.#toSend(), attempt as Dispatcher.DispatchHandler);
      // Attempts of `service.call()` have a span already, in whose context this runs.
      if (!this.#conducted) {
        this.#traced ??= tracer.call(callAbout('http', service.name, this.#given.method));
        attempt.traced = this.#traced.attempt(attempt.endpoint);
      }
      const send = (): boolean =>
        pool.dispatch(withTrace(tracer, this.#toSend()), attempt as Dispatcher.DispatchHandler);
      return attempt.traced === undefined ? send() : attempt.traced.run(send);
    } catch (thrown) {
      this.failed(attempt, thrown as Error);
      return true;
    }
  }

  get bodyBytes(): number {
    return knownBytesOf(this.#given.body);
  }

  #toSend(): Dispatcher.DispatchOptions {
    return forAttempt(this.#options, this.#body, this.#call?.attempt, this.count);
  }

  /** Whether a status is one to repeat after, and a repeat is made. */
  #repeats(attempt: Attempt, status: number): boolean {
    if (!isRepeatStatus(this.#context, this.#call, status)) return false;
    this.#noteSkipped('idempotent');
    if (!this.#idempotent || !this.#replayable) return false;
    const field = attempt.header('retry-after');
    const retryAfterMs = field === undefined ? undefined : parseRetryAfter(field, this.#context.clock.wallMs());
    const outcome = this.outcomeOf(status);
    if (this.#conducted) {
      const error = Object.assign(new Error(`status ${status}`), { statusCode: status });
      this.leave(attempt, outcome, new AttemptFailed(error, { outcome, repeat: 'idempotent', retryAfterMs }));
      return true;
    }
    const delayMs = this.#nextDelayMs('idempotent', retryAfterMs);
    if (delayMs < 0) return false;
    this.leave(attempt, outcome, undefined);
    this.#after(delayMs, undefined);
    return true;
  }

  #again(error: Error, repeat: HttpVerdict['repeat'], retryAfterMs: number | undefined): void {
    const delayMs = this.#nextDelayMs(repeat, retryAfterMs);
    if (delayMs < 0) this.#fail(error);
    else this.#after(delayMs, error);
  }

  #nextDelayMs(repeat: HttpVerdict['repeat'], retryAfterMs: number | undefined): number {
    if (this.#over) return -1;
    const { tried } = this;
    return nextDelayMs(this.#context, this.#call, { repeat, idempotent: this.#idempotent, retryAfterMs, tried });
  }

  #after(delayMs: number, last: Error | undefined): void {
    if (delayMs === 0) {
      this.#next(last);
      return;
    }
    this.#pause = this.#context.clock.awaited(delayMs, () => {
      this.#pause = undefined;
      this.#next(last);
    });
  }

  /** Tells the caller, once. */
  #fail(error: Error): void {
    if (this.#over) return;
    this.#close();
    this.#report(error);
  }

  #report(error: Error): void {
    this.figures?.failed(error);
    if (this.#isNew) (this.handler as NewHandler).onResponseError?.(this.controller, error);
    else (this.handler as OldHandler).onError?.(error);
  }

  #close(): void {
    this.#over = true;
    this.#body?.close();
  }
}
