import { type ClientRequest, type Agent as HttpAgent, Agent as NodeAgent } from 'node:http';
import { connect as connectPlain, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectSecure } from 'node:tls';
import {
  Connecting,
  type ConnectingContext,
  callPlanning,
  checkMesh,
  judgeAfter,
  optionReaders,
  tlsSwitch,
} from '../../src/adapter.js';
import { type Endpoint, type Lease, type Mesh, Outcome } from '../../src/index.js';
import { outcomeOfStatus } from './verdict.js';

export interface HttpAgentOptions {
  /** The service whose endpoints are connected to, whatever the host of the URL. */
  readonly service: string;
  /** For `https:`: `true`, or options of `tls.connect`. Default: plain. */
  readonly tls?: boolean | ConnectionOptions;
  /** How long connecting may take; milliseconds. Default 2,000; 1 to 3,600,000. */
  readonly connectTimeout?: number;
}

interface AgentSettings {
  readonly service: string;
  readonly tls: ConnectionOptions | undefined;
  readonly connectTimeout: number;
}

const { invalidOption, number, readOptions, text } = optionReaders;
type Reader<T> = optionReaders.Reader<T>;

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
  checkMesh('createAgent', mesh);
  const settings = readOptions<AgentSettings>('createAgent', options, {
    service,
    tls: tlsSwitch,
    connectTimeout: number(2_000, 1, 3_600_000),
  });
  return new MeshAgent(mesh, settings);
}

type Callback = (error: Error | null, socket?: Socket) => void;

/** What Node's agent says of the connection that it wants. */
interface Wanted {
  readonly servername?: string;
  readonly host?: string | null;
}

/** Leases by the socket that they are for: a response is judged when it comes. */
const judged = new WeakMap<Socket, { outcome: Outcome }>();

/** Serves `http:` or `https:`, which Node's two agents distinguish by what is set here. */
class MeshAgent extends NodeAgent {
  readonly #context: ConnectingContext;
  readonly #settings: AgentSettings;

  constructor(mesh: Mesh, settings: AgentSettings) {
    // One connection a request: a kept one would keep its endpoint, and nothing would be balanced.
    super({ keepAlive: false });
    if (settings.tls !== undefined) Object.assign(this, { protocol: 'https:', defaultPort: 443 });
    const service = mesh.service(settings.service);
    this.#context = { service, planning: callPlanning(service), clock: mesh.clock };
    this.#settings = settings;
  }

  // Not in its types, and what `http.request` calls.
  addRequest(request: ClientRequest, ...rest: unknown[]): void {
    request.once('response', (response) => {
      const verdict = judged.get(response.socket);
      if (verdict !== undefined) verdict.outcome = outcomeOfStatus(response.statusCode ?? 0);
    });
    const inherited = NodeAgent.prototype as unknown as { addRequest(...args: unknown[]): void };
    inherited.addRequest.call(this, request, ...rest);
  }

  override createConnection(wanted: object, callback?: unknown): never {
    new Connecting<Socket>(
      this.#context,
      {},
      (endpoint, done) => this.#dial(endpoint, wanted, done),
      (error, lease, socket) => {
        if (error === undefined) judge(lease!, socket!);
        (callback as Callback)(error ?? null, socket);
      },
    );
    return undefined as never;
  }

  #dial(endpoint: Endpoint, wanted: Wanted, done: (error: Error | undefined, socket?: Socket) => void): () => void {
    const { host, port } = endpoint.spec;
    const { connectTimeout, tls: secure } = this.#settings;
    const servername = wanted.servername ?? wanted.host ?? undefined;
    const socket: Socket =
      secure === undefined
        ? connectPlain({ host, port, noDelay: true })
        : connectSecure({ host, port, ...(servername !== undefined && { servername }), ...secure });
    const timer = judgeAfter(this.#context.clock, connectTimeout, () =>
      socket.destroy(Object.assign(new Error(`connect timeout after ${connectTimeout} ms`), { code: 'ETIMEDOUT' })),
    );
    const failed = (error: Error): void => {
      timer.cancel();
      done(error);
    };
    socket.once('error', failed);
    socket.once(secure === undefined ? 'connect' : 'secureConnect', () => {
      timer.cancel();
      socket.off('error', failed);
      done(undefined, socket);
    });
    return () => socket.destroy();
  }
}

/** The lease lasts as long as the socket; its outcome is what the response and the socket say. */
function judge(lease: Lease, socket: Socket): void {
  const verdict: { outcome: Outcome } = { outcome: Outcome.Cancelled };
  judged.set(socket, verdict);
  socket.once('error', () => {
    if (verdict.outcome === Outcome.Cancelled) verdict.outcome = Outcome.Failure;
  });
  socket.once('close', () => lease.done(verdict.outcome));
}
