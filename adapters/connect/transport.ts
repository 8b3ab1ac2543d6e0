import type {
  DescMessage,
  DescMethod,
  DescMethodStreaming,
  DescMethodUnary,
  MessageInitShape,
} from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  type ContextValues,
  type StreamResponse,
  type Transport,
  type UnaryResponse,
} from '@connectrpc/connect';
import { checkMesh } from '../../src/adapter.js';
import {
  type CallOptions,
  type Endpoint,
  FairleadError,
  type Mesh,
  type Service,
  type Verdict,
} from '../../src/index.js';
import { Connections } from './connections.js';
import { DeferredResponse } from './deferred-response.js';
import { toConnectError } from './errors.js';
import { type FairleadTransportOptions, readTransportOptions, type TransportSettings } from './options.js';
import { verdictOf } from './outcome.js';
import { Replay } from './replay.js';
import { watchMessages } from './response-stream.js';
import { attemptHeaders, routedHeaders } from './route.js';
import { type HeaderInput, preferredEndpoint, routingKeyOf } from './routing-key.js';
import { StreamEnd } from './stream-end.js';

/**
 * A transport for clients of Connect. Closing it, or disposing of it, ends its connections after
 * their last call; new calls are refused: UNAVAILABLE, with FAIRLEAD_CLOSED as its cause.
 */
export interface FairleadTransport extends Transport, Disposable {
  close(): void;
}

/**
 * A transport that sends each call to an endpoint of the service, by the service's policy, health
 * and resilience.
 *
 * ```ts
 * const users = createClient(Users, createFairleadTransport(mesh, { service: 'users' }));
 * ```
 *
 * Throws FAIRLEAD_INVALID_OPTION. Calls reject with a ConnectError; where fairlead said no, its
 * cause is a FairleadError.
 */
export function createFairleadTransport(mesh: Mesh, options: FairleadTransportOptions): FairleadTransport {
  checkMesh('createFairleadTransport', mesh);
  const read = readTransportOptions(options);
  return new ServiceTransport(mesh, mesh.service(read.service), read);
}

/**
 * The protobuf option `idempotency_level` where nothing is said: descriptor.proto,
 * IDEMPOTENCY_UNKNOWN.
 */
const IDEMPOTENCY_UNKNOWN = 0;

class ServiceTransport implements FairleadTransport {
  readonly #mesh: Mesh;
  readonly #service: Service;
  readonly #options: TransportSettings;
  readonly #connections: Connections;
  readonly #unregister: () => void;
  #closed = false;

  constructor(mesh: Mesh, service: Service, options: TransportSettings) {
    this.#mesh = mesh;
    this.#service = service;
    this.#options = options;
    this.#connections = new Connections(service, mesh.clock, options);
    this.#unregister = mesh.register({
      kind: 'connect',
      name: service.name,
      figures: () => ({ connections: this.#connections.size }),
      close: () => this.close(),
    });
  }

  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: HeaderInput | undefined,
    input: MessageInitShape<I>,
    contextValues?: ContextValues,
  ): Promise<UnaryResponse<I, O>> {
    if (this.#closed) throw this.#closedError();
    const time = this.#time(timeoutMs);
    const key = routingKeyOf(contextValues, header, this.#options.keyHeader);
    const routed = routedHeaders(this.#service, key, header);
    const prefer = contextValues?.get(preferredEndpoint);
    const call = this.#callOptions(method, signal, time.totalMs, { key, prefer, labels: routed.labels });
    const attempt = (endpoint: Endpoint, attemptSignal: AbortSignal): Promise<UnaryResponse<I, O>> =>
      this.#connections.use(
        endpoint,
        (transport) =>
          StreamEnd.without(() =>
            transport.unary(
              method,
              attemptSignal,
              time.remainingMs(),
              attemptHeaders(this.#service, routed.header),
              input,
              contextValues,
            ),
          ),
        () => !attemptSignal.aborted,
      );
    try {
      return await this.#service.call(attempt, call);
    } catch (thrown) {
      throw toConnectError(thrown);
    }
  }

  /**
   * The call lasts until its response is read to the end, left, or failed; its promise here only
   * until the response begins. Once it has begun nothing is repeated.
   */
  stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: HeaderInput | undefined,
    input: AsyncIterable<MessageInitShape<I>>,
    contextValues?: ContextValues,
  ): Promise<StreamResponse<I, O>> {
    if (this.#closed) return Promise.reject(this.#closedError());
    const time = this.#time(timeoutMs);
    const key = routingKeyOf(contextValues, header, this.#options.keyHeader);
    const routed = routedHeaders(this.#service, key, header);
    // Messages that were given away cannot be given again, except the single one of a server
    // stream.
    const repeatable = method.methodKind === 'server_streaming';
    const source = repeatable ? new Replay(input) : input;
    const handover = new DeferredResponse<StreamResponse<I, O>>();
    const response = handover.open();
    const attempt = (endpoint: Endpoint, callSignal: AbortSignal): Promise<void> => {
      const run = async (transport: Transport): Promise<void> => {
        const reader = new AbortController();
        const any = [callSignal, reader.signal, ...(signal === undefined ? [] : [signal])];
        const either = AbortSignal.any(any);
        const stream = new StreamEnd(() => time.remainingMs() === 1);
        const opened = await stream.during(() =>
          transport.stream(
            method,
            either,
            time.remainingMs(),
            attemptHeaders(this.#service, routed.header),
            source,
            contextValues,
          ),
        );
        // The reader learns why fairlead ended the call, not that it did.
        const explain = (thrown: unknown): unknown => toConnectError(callSignal.aborted ? callSignal.reason : thrown);
        const release = this.#connections.hold(endpoint);
        const left = (): void => reader.abort(new ConnectError('The response was left.', Code.Canceled));
        await handOver(opened, handover, explain, stream, (toItsEnd) => {
          release();
          if (!toItsEnd) left();
        });
      };
      return this.#connections.use(endpoint, run, () => repeatable && !handover.settled && !callSignal.aborted);
    };
    const classify = (thrown: unknown): Verdict => {
      const verdict = verdictOf(thrown, this.#options.classify);
      return handover.settled ? { ...verdict, repeat: 'never' } : verdict;
    };
    const prefer = contextValues?.get(preferredEndpoint);
    const wanted = { key, prefer, labels: routed.labels };
    const options = {
      ...this.#callOptions(method, signal, time.totalMs, wanted),
      hedge: false,
      shadow: false,
      classify,
    };
    const call = repeatable ? options : { ...options, retry: false };
    this.#service.call(attempt, call).catch((thrown) => handover.fail(toConnectError(thrown)));
    return response;
  }

  close(): void {
    this.#closed = true;
    this.#unregister();
    this.#connections.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #closedError(): unknown {
    const { name: service } = this.#service;
    const message = `The transport to service '${service}' is closed and takes no more calls.`;
    return toConnectError(new FairleadError('FAIRLEAD_CLOSED', message, { service }));
  }

  /**
   * As connect-node reads it: no number means the default, and one that is not above 0 means no
   * limit.
   */
  #time(timeoutMs: number | undefined): { totalMs: number | undefined; remainingMs: () => number | undefined } {
    const given = timeoutMs ?? this.#options.defaultTimeoutMs;
    if (given === undefined || given <= 0) return { totalMs: undefined, remainingMs: () => undefined };
    const { clock } = this.#mesh;
    const endsAtMs = clock.now() + given;
    return { totalMs: given, remainingMs: () => Math.max(1, Math.ceil(endsAtMs - clock.now())) };
  }

  #callOptions(
    method: DescMethod,
    signal: AbortSignal | undefined,
    deadlineMs: number | undefined,
    wanted: Pick<CallOptions, 'key' | 'prefer' | 'labels'>,
  ): CallOptions {
    const classify = (thrown: unknown): Verdict => verdictOf(thrown, this.#options.classify);
    return { ...wanted, signal, deadlineMs, idempotent: this.#isIdempotent(method) ? true : undefined, classify };
  }

  #isIdempotent(method: DescMethod): boolean {
    if (method.idempotency !== IDEMPOTENCY_UNKNOWN) return true;
    try {
      return this.#options.idempotent?.(method) === true;
    } catch {
      // A judgement that fails is none; what may not be repeated is not.
      return false;
    }
  }
}

/**
 * Passes the response to its reader and waits for its server to be done, or for the reader to
 * leave. Holds neither: see `watchMessages`.
 */
function handOver<I extends DescMessage, O extends DescMessage>(
  response: StreamResponse<I, O>,
  handover: DeferredResponse<StreamResponse<I, O>>,
  explain: (thrown: unknown) => unknown,
  stream: StreamEnd,
  done: (toItsEnd: boolean) => void,
): Promise<void> {
  const { messages, ended, read } = watchMessages(response.message, explain, stream);
  void read.then(done);
  handover.give(withMessages(response, messages));
  return ended;
}

/**
 * The response with other messages; header and trailer are the response's own, which fill when it
 * ends.
 */
function withMessages<I extends DescMessage, O extends DescMessage>(
  { service, method, header, trailer }: StreamResponse<I, O>,
  message: StreamResponse<I, O>['message'],
): StreamResponse<I, O> {
  return { stream: true, service, method, header, trailer, message };
}
