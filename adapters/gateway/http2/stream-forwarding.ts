import { STATUS_CODES } from 'node:http';
import type { ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { type CallPlanning, judgeAfter, routeOf } from '../../../src/adapter.js';
import { type Endpoint, Outcome, type Timer } from '../../../src/index.js';
import { parseRetryAfter } from '../../../src/resilience/index.js';
import { httpStatusOf, type RepeatLedger } from '../../http/index.js';
import { sayContinue } from '../common/expectation.js';
import { GrpcStatus, isGrpc } from '../common/grpc.js';
import type { Outgoing } from '../forward/forwarder.js';
import { sendInterim } from '../forward/interim.js';
import type { Passage } from '../forward/passage.js';
import type { Upstream } from '../forward/upstreams.js';
import type { RequestHead } from '../head/request-head.js';
import { ATTEMPT } from '../head/request-headers.js';
import { responseHeaders } from '../head/response-headers.js';
import type { LiveRoute } from '../routes/live-route.js';
import type { BackSessions } from './back-sessions.js';
import { readGrpcTimeout } from './grpc-timeout.js';
import { IdleWatch } from './idle-watch.js';
import { answerOrBreak, type OwnWords, pairsOf } from './own-words.js';
import { RelayedBody, type RelayHost } from './relayed-body.js';
import { type AttemptListener, type Broken, StreamAttempt } from './stream-attempt.js';
import { requestBlock, type StreamIntent } from './stream-headers.js';
import { StreamResponse } from './stream-response.js';
import { grpcOfReset, outcomeOfGrpc, outcomeOfStatus, type StreamVerdict, verdictOf } from './verdict.js';

/** What a request over HTTP/2 needs of its service. */
export interface StreamContext {
  readonly upstream: Upstream;
  readonly planning: CallPlanning;
  readonly ledger: RepeatLedger;
  sessionsOf(endpoint: Endpoint): BackSessions;
}

/** As undici has it, where nothing is said; milliseconds. */
const PATIENCE_MS = 300_000;
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);
const REPLAY_BYTES = 65_536;

/**
 * One request on its way to a service over HTTP/2, and its response back: attempts on one endpoint
 * after the other, of which the client sees one.
 *
 * ## Repeats
 * What no server processed goes to another endpoint, whatever its method: what was not sent, what
 * is behind the last stream of a GOAWAY, what was refused (RFC 9113, 8.7). What was sent and got no
 * response is made again if it is idempotent and its body was kept. After the headers of a
 * response nothing is.
 *
 * ## Ends
 * A client that goes takes its request back upstream (RST_STREAM, CANCEL). A response that breaks
 * off never looks whole: gRPC hears a status in trailers, others a reset. A gRPC deadline is kept
 * here as well, so that a client behind this gateway is not left to a server that ignores it.
 */
export class StreamForwarding implements AttemptListener, RelayHost {
  readonly #passage: Passage;
  readonly #route: LiveRoute;
  readonly #context: StreamContext;
  readonly #intent: StreamIntent;
  readonly #grpc: boolean;
  readonly #idempotent: boolean;
  readonly #body: RelayedBody | undefined;
  readonly #part: ReturnType<typeof routeOf>;
  readonly #deadlineMs: number | undefined;
  readonly #tried: Endpoint[] = [];
  #attempt: StreamAttempt | undefined;
  #committed = false;
  #over = false;
  #status = 0;
  #grpcStatus: number | undefined;
  #deadline: Timer | undefined;
  #response: Timer | undefined;
  #wait: Timer | undefined;
  #idle: IdleWatch | undefined;

  constructor(passage: Passage, head: RequestHead, route: LiveRoute, out: Outgoing, context: StreamContext) {
    const { request, response, host } = passage;
    const { upstream, planning } = context;
    const { maxBodyBytes = Number.POSITIVE_INFINITY } = route.settings;
    this.#passage = passage;
    this.#route = route;
    this.#context = context;
    this.#grpc = isGrpc(request);
    // A gateway before this one makes it again: repeats of both would multiply.
    const chained = (out.call.attempt ?? 1) > 1;
    this.#idempotent = !chained && (out.call.idempotent ?? (planning.idempotent || IDEMPOTENT.has(head.method)));
    this.#part = route.service && routeOf(route.service, out.call.key, (name: string) => passage.header(name));
    const trailers = this.#grpc || /(?:^|,)\s*trailers\s*(?:[,;]|$)/i.test(passage.header('te') ?? '');
    this.#intent = { method: head.method, out, upstream, carried: this.#part?.carried, trailers };
    if (head.body)
      this.#body = new RelayedBody(request, maxBodyBytes, out.call.replayBytes ?? REPLAY_BYTES, context.ledger, this);
    const timeoutMs = this.#grpc ? readGrpcTimeout(passage.header('grpc-timeout')) : undefined;
    if (timeoutMs !== undefined) this.#deadlineMs = passage.startMs + timeoutMs;
    if (response instanceof StreamResponse) response.mayHaveTrailers = true;
    response.once('close', () => this.#closed());
    response.on('drain', () => this.#attempt?.resume());
    response.on('error', ignore);
    request.on('error', ignore);
    if (this.#deadlineMs !== undefined)
      this.#deadline = judgeAfter(host.clock, this.#deadlineMs - host.clock.now(), () => this.#expired());
    const { responseMs } = route.settings.timeouts ?? {};
    if (responseMs !== undefined) this.#response = host.clock.awaited(responseMs, () => this.refuse(504));
  }

  begin(): void {
    const { planning } = this.#context;
    const { service, from } = this.#route;
    planning.begun();
    if (from !== undefined || service === undefined || service.rotation.length > 0) {
      this.#next(undefined);
      return;
    }
    const patience = new AbortController();
    this.#wait = { cancel: () => patience.abort() };
    void planning.firstEndpoint(patience.signal).then(() => this.#next(undefined));
  }

  /** Ends it in the gateway's own words, or breaks off what has begun. */
  refuse(status: number, grpc?: number, detail?: string): void {
    if (this.#over) return;
    this.#end();
    this.#attempt?.cancel(status === 504 ? Outcome.Timeout : Outcome.Cancelled);
    this.#answer({ status, grpc, detail });
  }

  sent(stream: ClientHttp2Stream): void {
    if (this.#body !== undefined) {
      sayContinue(this.#passage.response);
      this.#body.to(stream);
    }
    const { headersMs } = this.#route.settings.timeouts ?? {};
    const usual = this.#context.upstream.headersTimeoutMs ?? (this.#grpc ? 0 : PATIENCE_MS);
    const patienceMs = headersMs ?? usual;
    if (patienceMs > 0) this.#wait = judgeAfter(this.#passage.host.clock, patienceMs, () => this.#silent(patienceMs));
  }

  interim(status: number, headers: string[]): void {
    sendInterim(this.#passage.response, status, headers, this.#passage.host.via);
  }

  headers(status: number, headers: string[], fields: IncomingHttpHeaders, last: boolean): void {
    const attempt = this.#attempt!;
    const { response } = this.#passage;
    this.#wait?.cancel();
    if (!last || !this.#grpc) {
      const repeats = this.#intent.out.call.retryStatus?.has(status) === true;
      const retryAfter = repeats ? this.#retryAfter(fields) : undefined;
      if (repeats && this.#mayRepeat && this.#again('idempotent', retryAfter, undefined, attempt, status)) return;
    }
    this.#response?.cancel();
    if (this.#passage.rejects(status)) {
      this.#end();
      attempt.cancel(outcomeOfStatus(status));
      this.#passage.fail({ status });
      return;
    }
    this.#committed = true;
    this.#body?.commit();
    this.#intent.out.call.answeredBy?.(attempt.endpoint);
    this.#status = status;
    this.#heard(fields);
    this.#passage.begin(status, STATUS_CODES[status] ?? '', responseHeaders(headers, !last), '2');
    if (last) this.#complete();
    else {
      response.flushHeaders();
      this.#watchIdle();
    }
  }

  data(chunk: Buffer): boolean {
    this.#passage.bytes += chunk.length;
    this.#idle?.moved();
    return this.#passage.response.write(chunk);
  }

  end(trailers: string[], fields: IncomingHttpHeaders): void {
    this.#heard(fields);
    const pairs = responseHeaders(trailers, false);
    const { request, response } = this.#passage;
    if (pairs.length > 0 && (request.httpVersionMajor === 2 || this.#intent.trailers))
      response.addTrailers(pairsOf(pairs));
    this.#complete();
  }

  broke(broken: Broken): void {
    const attempt = this.#attempt!;
    this.#wait?.cancel();
    const { outcome, repeat } = verdictOf(broken);
    const failed: StreamVerdict = { outcome, repeat };
    if (!this.#committed && this.#mayRepeat && this.#again(repeat, undefined, broken, attempt, 0)) return;
    attempt.done(failed.outcome);
    this.#fail(broken.error, this.#committed || !broken.unconnected ? broken : undefined);
  }

  exceeded(): void {
    this.refuse(413);
  }

  /** The client left while it sent. */
  brokenOff(): void {
    this.#closed();
  }

  #next(last: Error | undefined): void {
    if (this.#over) return;
    const { service, from } = this.#route;
    const { key, prefer } = this.#intent.out.call;
    const labels = (name: string): string | undefined => this.#passage.header(name);
    let attempt: StreamAttempt;
    try {
      const source = from ?? service!;
      const lease = source.acquire({ key, prefer, labels, tried: this.#tried, part: this.#part?.part });
      attempt = new StreamAttempt(lease, this, this.#passage.host.clock.now());
    } catch (thrown) {
      // What went wrong before matters more than that there is no other endpoint.
      this.#fail(last ?? (thrown as Error), undefined);
      return;
    }
    this.#attempt = attempt;
    this.#tried.push(attempt.endpoint);
    const leftMs = this.#deadlineMs && this.#deadlineMs - attempt.startMs;
    const block = requestBlock(this.#intent, attempt.endpoint, leftMs);
    const number = (this.#intent.out.call.attempt ?? 1) + this.#tried.length - 1;
    if (number > 1) block[ATTEMPT] = String(number);
    attempt.begin(this.#context.sessionsOf(attempt.endpoint), block, this.#body === undefined);
  }

  get #mayRepeat(): boolean {
    return !this.#over && (this.#body?.replayable ?? true);
  }

  /** Whether there is another attempt; this one has ended then. */
  #again(
    repeat: StreamVerdict['repeat'],
    retryAfterMs: number | undefined,
    broken: Broken | undefined,
    attempt: StreamAttempt,
    status: number,
  ): boolean {
    const { planning } = this.#context;
    const { maxAttempts = Number.POSITIVE_INFINITY } = this.#intent.out.call;
    const { service, from } = this.#route;
    const attempts = this.#tried.length;
    if (attempts >= maxAttempts) return false;
    const elsewhere = (from ?? service!).rotation.some((endpoint) => !this.#tried.includes(endpoint));
    const delayMs = planning.nextDelayMs({ repeat, idempotent: this.#idempotent, retryAfterMs, attempts, elsewhere });
    if (delayMs < 0) return false;
    this.#body?.hold();
    if (broken === undefined) attempt.cancel(outcomeOfStatus(status));
    else attempt.done(verdictOf(broken).outcome);
    this.#attempt = undefined;
    this.#wait = this.#passage.host.clock.awaited(delayMs, () => this.#next(broken?.error));
    return true;
  }

  #retryAfter(fields: IncomingHttpHeaders): number | undefined {
    const value = fields['retry-after'];
    return value === undefined ? undefined : parseRetryAfter(value, this.#passage.host.clock.wallMs());
  }

  /** No headers came in time. */
  #silent(hadMs: number): void {
    const attempt = this.#attempt;
    if (this.#over || attempt === undefined) return;
    const error = Object.assign(new Error('no response'), { code: 'UND_ERR_HEADERS_TIMEOUT' });
    attempt.cancel(Outcome.Timeout, hadMs);
    const broken = { error, unconnected: false, unprocessed: false, resetBy: undefined, leaving: false };
    if (this.#mayRepeat && this.#again('idempotent', undefined, broken, attempt, 0)) return;
    this.#fail(error, undefined);
  }

  /** The client's own deadline has passed. */
  #expired(): void {
    if (this.#over) return;
    this.#end();
    const { clock } = this.#passage.host;
    const attempt = this.#attempt;
    attempt?.cancel(Outcome.Timeout, clock.now() - attempt.startMs);
    this.#answer({ status: 504, grpc: GrpcStatus.DeadlineExceeded, detail: 'Deadline Exceeded' });
  }

  #heard(fields: IncomingHttpHeaders): void {
    const code = fields['grpc-status'];
    if (code !== undefined) this.#grpcStatus = Number(code);
  }

  /** The response is out. */
  #complete(): void {
    const attempt = this.#attempt!;
    const { response } = this.#passage;
    this.#end();
    if (this.#grpc && this.#status === 200) {
      this.#passage.grpcStatus = this.#grpcStatus;
      attempt.done(outcomeOfGrpc(this.#grpcStatus));
    } else attempt.done(outcomeOfStatus(this.#status));
    response.end();
    attempt.finish();
  }

  #fail(error: Error, broken: Broken | undefined): void {
    if (this.#over) return;
    this.#end();
    const { status, headers } = httpStatusOf(error);
    const resetBy = broken?.resetBy;
    const grpc = broken === undefined ? undefined : grpcOfReset(resetBy);
    this.#answer({ status: status === 500 ? 502 : status, headers, grpc, resetBy });
  }

  #answer(words: OwnWords): void {
    answerOrBreak(this.#passage, this.#grpc, words);
  }

  #watchIdle(): void {
    const { clock } = this.#passage.host;
    const sse = this.#passage.header('accept') === 'text/event-stream';
    const usual = this.#context.upstream.bodyTimeoutMs ?? (this.#grpc || sse ? 0 : PATIENCE_MS);
    const idleMs = this.#route.settings.timeouts?.idleMs ?? usual;
    if (idleMs === 0) return;
    this.#idle = new IdleWatch(clock, idleMs, () => this.refuse(504));
  }

  #closed(): void {
    if (this.#over) return;
    this.#end();
    this.#attempt?.cancel();
  }

  #end(): void {
    this.#over = true;
    this.#body?.stop();
    for (const timer of [this.#deadline, this.#response, this.#wait, this.#idle]) timer?.cancel();
  }
}

function ignore(): void {}
