import { Code, ConnectError, type Transport } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import {
  addressOf,
  currentRoutingKey,
  type Endpoint,
  FairleadError,
  type Lease,
  type Mesh,
  Outcome,
  optionReaders,
  type PolicySpec,
  type RoutingKey,
  type Service,
  type Subset,
} from '../../src/index.js';
import { outcomeOf } from './outcome.js';

const { boolean, callback, given, number, optional, readOptions, text } = optionReaders;

/** How one endpoint is reached: for `createGrpcTransport`, `createConnectTransport` or `createGrpcWebTransport`. */
export interface PeerOptions {
  readonly baseUrl: string;
  readonly httpVersion: '2';
  readonly sessionManager: Http2SessionManager;
}

export interface MeshTransportOptions {
  /** The service that calls go to. */
  readonly service: string;
  /** The policy for this transport. Default: the service's own. */
  readonly policy?: PolicySpec;
  /** The request header that holds the routing key. Default: none; a key of the async context is used in any case. */
  readonly keyHeader?: string;
  /** Speak TLS. Default false. */
  readonly secure?: boolean;
  /** How long a call waits for the first endpoint; milliseconds. Default 5,000. */
  readonly waitForReadyMs?: number;
  /**
   * Makes the transport to one endpoint. Default `createGrpcTransport`. For interceptors, formats or another protocol:
   * `(peer) => createConnectTransport({ ...peer, interceptors })`.
   */
  readonly create?: (peer: PeerOptions) => Transport;
}

/** The last message of a call is read some frames before its stream is closed on both sides. */
const LINGER_MS = 100;

/** A transport over all endpoints of a service. */
export interface MeshTransport extends Transport, Disposable {
  /** Ends its connections, and the calls on them. The service goes on. */
  close(): void;
}

/** A unary call is tried on so many endpoints at most, where nothing was sent to the ones before. */
const MAX_ATTEMPTS = 3;

/**
 * A transport for `createClient` of `@connectrpc/connect` that balances each call over the endpoints of a service, by its
 * policy, health and sessions. A unary call whose connection could not be made is tried elsewhere: it was never sent.
 *
 * ```ts
 * const users = createClient(Users, meshTransport(mesh, { service: 'users' }));
 * ```
 *
 * Throws FAIRLEAD_INVALID_OPTION. Calls reject with a ConnectError; its cause is a FairleadError where there was no endpoint.
 */
export function meshTransport(mesh: Mesh, options: MeshTransportOptions): MeshTransport {
  return new BalancedTransport(mesh, options);
}

interface Peer {
  readonly transport: Transport;
  readonly sessions: Http2SessionManager;
}

type Read = { readonly [Key in keyof Required<MeshTransportOptions>]: MeshTransportOptions[Key] | undefined } & {
  readonly waitForReadyMs: number;
};

class BalancedTransport implements MeshTransport {
  readonly #mesh: Mesh;
  readonly #service: Service;
  readonly #subset: Subset;
  readonly #options: Read;
  readonly #peers = new Map<Endpoint, Peer>();
  readonly #unread = new FinalizationRegistry<Lease>((lease) => this.#done(lease, Outcome.Cancelled));
  readonly #stopListening: () => void;

  constructor(mesh: Mesh, options: MeshTransportOptions) {
    this.#mesh = mesh;
    this.#options = readOptions<Read>('meshTransport', options, {
      service: (value, name) => {
        if (typeof value === 'string' && value !== '') return value;
        throw optionReaders.invalidOption(name, value, 'the name of a service');
      },
      policy: given<PolicySpec>(),
      keyHeader: optional(text(undefined)),
      secure: boolean(false),
      waitForReadyMs: number(5_000, 0, 86_400_000),
      create: callback<(peer: PeerOptions) => Transport>(),
    });
    const { service, policy } = this.#options;
    this.#service = mesh.service(service!);
    const usable = (): boolean => true;
    this.#subset = this.#service.subset(policy === undefined ? { usable } : { usable, policy });
    this.#stopListening = this.#service.on('endpoints', ({ departed }) => {
      for (const endpoint of departed) this.#disconnectIfDone(endpoint);
    });
  }

  unary: Transport['unary'] = async (method, signal, timeoutMs, header, input, contextValues) => {
    const key = this.#keyOf(header);
    const tried: Endpoint[] = [];
    for (;;) {
      const lease = await this.#acquire(key, tried, signal);
      try {
        const { transport } = this.#peer(lease.endpoint);
        const response = await transport.unary(method, signal, timeoutMs, header, input, contextValues);
        this.#done(lease, Outcome.Success);
        return response;
      } catch (error) {
        const outcome = outcomeOf(error);
        this.#done(lease, outcome);
        tried.push(lease.endpoint);
        if (outcome !== Outcome.ConnectFailure || tried.length === MAX_ATTEMPTS || signal?.aborted) throw error;
      }
    }
  };

  stream: Transport['stream'] = async (method, signal, timeoutMs, header, input, contextValues) => {
    const lease = await this.#acquire(this.#keyOf(header), undefined, signal);
    try {
      const { transport } = this.#peer(lease.endpoint);
      const response = await transport.stream(method, signal, timeoutMs, header, input, contextValues);
      const onAbort = (): void => this.#done(lease, Outcome.Cancelled);
      const message = this.#followed(lease, response.message, () => signal?.removeEventListener('abort', onAbort));
      // The clients of connect do not tell an iterator that its reader has left: then the caller's signal does, or else the
      // garbage collector, that nobody can read on.
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#unread.register(message, lease);
      return { ...response, message } as typeof response;
    } catch (error) {
      this.#done(lease, outcomeOf(error));
      throw error;
    }
  };

  close(): void {
    this.#stopListening();
    this.#subset.close();
    for (const { sessions } of this.#peers.values()) sessions.abort();
    this.#peers.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** The messages of a stream, whose lease ends with them: not when the headers are there. */
  async *#followed<T>(lease: Lease, messages: AsyncIterable<T>, ended: () => void): AsyncGenerator<T, void, undefined> {
    // A reader that stops early says nothing about the endpoint.
    let outcome: Outcome = Outcome.Cancelled;
    try {
      for await (const message of messages) yield message;
      outcome = Outcome.Success;
    } catch (error) {
      outcome = outcomeOf(error);
      throw error;
    } finally {
      ended();
      this.#done(lease, outcome);
    }
  }

  #keyOf(header: Parameters<Transport['unary']>[3]): RoutingKey | undefined {
    const { keyHeader } = this.#options;
    if (keyHeader !== undefined) {
      const value = new Headers(header).get(keyHeader);
      if (value !== null) return value;
    }
    return currentRoutingKey();
  }

  async #acquire(key: RoutingKey | undefined, tried: Endpoint[] | undefined, signal?: AbortSignal): Promise<Lease> {
    try {
      if (this.#subset.rotation.length === 0) await this.#ready(signal);
      return this.#subset.acquire({ key, tried: tried?.length ? tried : undefined });
    } catch (error) {
      if (!(error instanceof FairleadError)) throw ConnectError.from(error);
      throw new ConnectError(error.message, Code.Unavailable, undefined, undefined, error);
    }
  }

  async #ready(signal: AbortSignal | undefined): Promise<void> {
    const patience = new AbortController();
    const timer = this.#mesh.clock.awaited(this.#options.waitForReadyMs, () => patience.abort());
    try {
      await this.#service.ready(signal === undefined ? patience.signal : AbortSignal.any([signal, patience.signal]));
    } catch (error) {
      // Out of patience: `acquire` says why there is none.
      if (signal?.aborted) throw ConnectError.from(error, Code.Canceled);
    } finally {
      timer.cancel();
    }
  }

  #peer(endpoint: Endpoint): Peer {
    const known = this.#peers.get(endpoint);
    if (known !== undefined) return known;
    const baseUrl = `${this.#options.secure ? 'https' : 'http'}://${addressOf(endpoint.spec)}`;
    const sessionManager = new Http2SessionManager(baseUrl);
    const { create = createGrpcTransport } = this.#options;
    const transport = create({ baseUrl, httpVersion: '2', sessionManager });
    const peer = { transport, sessions: sessionManager };
    this.#peers.set(endpoint, peer);
    return peer;
  }

  #done(lease: Lease, outcome: Outcome): void {
    lease.done(outcome);
    if (lease.endpoint.state === 'draining') this.#disconnectIfDone(lease.endpoint);
  }

  /** The connection to an endpoint that is gone ends with the last call on it. */
  #disconnectIfDone(endpoint: Endpoint): void {
    const peer = this.#peers.get(endpoint);
    if (peer === undefined || endpoint.inflight > 0) return;
    this.#peers.delete(endpoint);
    this.#mesh.clock.after(LINGER_MS, () => peer.sessions.abort());
  }
}
