import { type AgentOptions, type ClientRequest, type Agent as HttpAgent, Agent as NodeAgent } from 'node:http';
import { Agent as NodeSecureAgent } from 'node:https';
import { connect as connectPlain, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectSecure } from 'node:tls';
import { callPlanning, judgeAfter, optionReaders } from '../../src/adapter.js';
import { type Endpoint, type Lease, type Mesh, Outcome, type Service } from '../../src/index.js';
import { outcomeOfStatus } from './verdict.js';

export interface HttpAgentOptions {
  /** The service whose endpoints are connected to, whatever the host of the URL. */
  readonly service: string;
  /** For `https:`: `true`, or options of `tls.connect`. Default: plain. */
  readonly tls?: boolean | ConnectionOptions;
  /** Connecting may take so long; milliseconds. Default 2,000; 1 to 3,600,000. */
  readonly connectTimeout?: number;
}

interface AgentSettings {
  readonly service: string;
  readonly tls: ConnectionOptions | undefined;
  readonly connectTimeout: number;
}

const { invalidOption, number, readOptions, text } = optionReaders;
type Reader<T> = optionReaders.Reader<T>;

const tls: Reader<ConnectionOptions | undefined> = (value, name) => {
  if (value === undefined || value === false) return undefined;
  if (value === true) return {};
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as ConnectionOptions;
  throw invalidOption(name, typeof value, 'true, false, or an object of options for tls.connect');
};
const service: Reader<string> = (value, name) => {
  const given = text(undefined)(value, name);
  if (given !== undefined && given !== '') return given;
  throw invalidOption(name, value, 'the name of a service');
};

/**
 * A `node:http` Agent (with `tls` one for `node:https`) whose connections go to the endpoints of a
 * service: for axios' default adapter, got and all that uses `http.request`.
 *
 * Each request has a connection of its own and so a pick of its own. An endpoint that cannot be
 * connected to is left for another one, as nothing was sent; what fails later is the caller's to
 * repeat. Throws FAIRLEAD_INVALID_OPTION.
 */
export function createAgent(mesh: Mesh, options: HttpAgentOptions): HttpAgent {
  const settings = readOptions<AgentSettings>('createAgent', options, {
    service,
    tls,
    connectTimeout: number(2_000, 1, 3_600_000),
  });
  const connector = new Connector(mesh, settings);
  return settings.tls === undefined ? new MeshAgent(connector) : new SecureMeshAgent(connector);
}

type Callback = (error: Error | null, socket?: Socket) => void;

/** Leases by the socket that they are for: a response is judged when it comes. */
const judged = new WeakMap<Socket, { outcome: Outcome }>();

class Connector {
  readonly #service: Service;
  readonly #settings: AgentSettings;
  readonly #mesh: Mesh;
  readonly #planning: ReturnType<typeof callPlanning>;

  constructor(mesh: Mesh, settings: AgentSettings) {
    this.#mesh = mesh;
    this.#settings = settings;
    this.#service = mesh.service(settings.service);
    this.#planning = callPlanning(this.#service);
  }

  connect(options: { readonly servername?: string; readonly host?: string | null }, callback: Callback): void {
    this.#planning.begun();
    const tried: Endpoint[] = [];
    const attempt = (last: Error | undefined): void => {
      let lease: Lease;
      try {
        lease = this.#service.acquire({ tried });
      } catch (thrown) {
        callback(last ?? (thrown as Error));
        return;
      }
      tried.push(lease.endpoint);
      this.#dial(lease, options, (error, socket) => {
        if (error === null) {
          callback(null, socket);
          return;
        }
        const { rotation } = this.#service;
        const elsewhere = rotation.some((endpoint) => !tried.includes(endpoint));
        const failed = {
          repeat: 'always',
          idempotent: false,
          retryAfterMs: undefined,
          attempts: tried.length,
          elsewhere,
        } as const;
        const delayMs = this.#planning.nextDelayMs(failed);
        if (delayMs < 0) callback(error);
        else this.#mesh.clock.awaited(delayMs, () => attempt(error));
      });
    };
    if (this.#service.rotation.length > 0) attempt(undefined);
    else this.#whenReady(() => attempt(undefined));
  }

  #whenReady(then: () => void): void {
    const patience = new AbortController();
    const timer = this.#mesh.clock.awaited(this.#planning.waitForReadyMs, () => patience.abort());
    // Whatever it was, `acquire` says it better.
    const go = (): void => {
      timer.cancel();
      then();
    };
    this.#service.ready(patience.signal).then(go, go);
  }

  #dial(
    lease: Lease,
    options: { readonly servername?: string; readonly host?: string | null },
    callback: Callback,
  ): void {
    const { host, port } = lease.endpoint.spec;
    const { connectTimeout } = this.#settings;
    const secure = this.#settings.tls;
    const servername = options.servername ?? options.host ?? undefined;
    const socket: Socket =
      secure === undefined
        ? connectPlain({ host, port, noDelay: true })
        : connectSecure({ host, port, ...(servername !== undefined && { servername }), ...secure });
    const timer = judgeAfter(this.#mesh.clock, connectTimeout, () =>
      socket.destroy(Object.assign(new Error(`connect timeout after ${connectTimeout} ms`), { code: 'ETIMEDOUT' })),
    );
    const verdict: { outcome: Outcome } = { outcome: Outcome.Cancelled };
    const failed = (error: Error): void => {
      timer.cancel();
      lease.done(Outcome.ConnectFailure);
      callback(error);
    };
    socket.once('error', failed);
    socket.once(secure === undefined ? 'connect' : 'secureConnect', () => {
      timer.cancel();
      socket.off('error', failed);
      judged.set(socket, verdict);
      socket.once('error', () => {
        if (verdict.outcome === Outcome.Cancelled) verdict.outcome = Outcome.Failure;
      });
      socket.once('close', () => lease.done(verdict.outcome));
      callback(null, socket);
    });
  }
}

/** Remembers how a request ended at the socket that carried it. */
function judge(request: ClientRequest): void {
  request.once('response', (response) => {
    const verdict = judged.get(response.socket);
    if (verdict !== undefined) verdict.outcome = outcomeOfStatus(response.statusCode ?? 0);
  });
}

// One connection a request: a kept one would keep its endpoint, and nothing would be balanced.
const OPTIONS: AgentOptions = { keepAlive: false };

class MeshAgent extends NodeAgent {
  readonly #connector: Connector;

  constructor(connector: Connector) {
    super(OPTIONS);
    this.#connector = connector;
  }

  // Not in its types, and what `http.request` calls.
  addRequest(request: ClientRequest, ...rest: unknown[]): void {
    judge(request);
    (NodeAgent.prototype as unknown as { addRequest(...args: unknown[]): void }).addRequest.call(
      this,
      request,
      ...rest,
    );
  }

  override createConnection(options: object, callback?: unknown): never {
    this.#connector.connect(options, callback as Callback);
    return undefined as never;
  }
}

class SecureMeshAgent extends NodeSecureAgent {
  readonly #connector: Connector;

  constructor(connector: Connector) {
    super(OPTIONS);
    this.#connector = connector;
  }

  addRequest(request: ClientRequest, ...rest: unknown[]): void {
    judge(request);
    (NodeSecureAgent.prototype as unknown as { addRequest(...args: unknown[]): void }).addRequest.call(
      this,
      request,
      ...rest,
    );
  }

  override createConnection(options: object, callback?: unknown): never {
    this.#connector.connect(options, callback as Callback);
    return undefined as never;
  }
}
