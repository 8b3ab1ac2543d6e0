import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { quietWire } from './wire.js';

/** An instance as a test writes it down; the rest of Consul's answer is filled in. */
export interface ScriptedInstance {
  readonly id: string;
  readonly host?: string;
  readonly port?: number;
  readonly status?: 'passing' | 'warning' | 'critical';
  readonly weights?: { readonly Passing: number; readonly Warning: number };
  readonly tags?: readonly string[];
  readonly meta?: Readonly<Record<string, string>>;
  readonly node?: string;
  readonly nodeAddress?: string;
  readonly nodeMeta?: Readonly<Record<string, string>>;
  /** Replaces what is made from the above, for shapes a test wants exactly. */
  readonly raw?: unknown;
}

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Takes an answer over. Gives false to leave this request to the ordinary behaviour. */
export type Script = (request: SeenRequest, response: ServerResponse) => boolean | undefined;

/**
 * A server on loopback that answers Consul's health endpoint as an agent does, blocking included,
 * and otherwise does what a test's script says: what an old agent cannot do, or none would do on
 * purpose.
 */
export class ScriptedConsul {
  readonly requests: SeenRequest[] = [];
  /** The Raft index of the catalogue. */
  index = 10;
  script: Script | undefined;
  /** Answers that were sent with gzip. */
  compressed = 0;
  readonly #services = new Map<string, readonly ScriptedInstance[]>();
  readonly #waiting = new Set<() => void>();
  readonly #taken = new Set<ServerResponse>();
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;

  static async start(): Promise<ScriptedConsul> {
    const consul = new ScriptedConsul();
    await consul.up();
    return consul;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Listens: at first on a free port, after `down` on the same again. */
  async up(): Promise<void> {
    const server = createServer((request, response) => void this.#serve(request, response));
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  /** As if killed: every connection is reset. */
  async down(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.cut();
    if (server !== undefined) await new Promise((resolve) => server.close(resolve));
  }

  /** Resets every connection; the next ones are served. */
  cut(): void {
    this.#waiting.clear();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** What is listed from now on, at the next index (or at `index`); those who wait are answered. */
  set(service: string, instances: readonly (ScriptedInstance | string)[], index: number = this.index + 1): void {
    this.#services.set(
      service,
      instances.map((each) => (typeof each === 'string' ? { id: each } : each)),
    );
    this.bump(index);
  }

  /** Another index for the same list. */
  bump(index: number = this.index + 1): void {
    this.index = index;
    for (const answer of [...this.#waiting]) answer();
  }

  /** How many blocking queries are open now. */
  get blocked(): number {
    return this.#waiting.size;
  }

  /** Until all that is under way has arrived, answers and what follows of them too. */
  async quiet(): Promise<void> {
    const held = (): number => [...this.#taken].filter((response) => !response.writableEnded).length;
    await quietWire(this.address, held);
  }

  /** The health requests seen so far. */
  get queries(): readonly SeenRequest[] {
    return this.requests.filter((request) => request.path.startsWith('/v1/health/service/'));
  }

  entries(service: string): readonly unknown[] {
    return (this.#services.get(service) ?? []).map(toEntry);
  }

  answer(response: ServerResponse, service: string, headers: Readonly<Record<string, string>> = {}): void {
    const text = JSON.stringify(this.entries(service));
    const gzip = response.req.headers['accept-encoding'] === 'gzip';
    if (gzip) this.compressed++;
    response.writeHead(200, {
      ...(gzip ? { 'content-encoding': 'gzip' } : {}),
      'content-type': 'application/json',
      'x-consul-index': String(this.index),
      'x-consul-knownleader': 'true',
      'x-consul-lastcontact': '0',
      ...headers,
    });
    response.end(gzip ? gzipSync(text) : text);
  }

  async #serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(message.url ?? '/', 'http://agent');
    let body = '';
    for await (const chunk of message) body += chunk;
    const request = {
      method: message.method ?? 'GET',
      path: url.pathname,
      query: url.searchParams,
      headers: message.headers,
      body,
    };
    this.requests.push(request);
    this.#taken.add(response);
    response.once('close', () => this.#taken.delete(response));
    if (this.script !== undefined && this.script(request, response) !== false) return;
    const service = /^\/v1\/health\/service\/(.+)$/.exec(request.path)?.[1];
    if (service === undefined) {
      response.writeHead(404).end();
      return;
    }
    const index = Number(request.query.get('index') ?? 0);
    if (index === 0 || this.index > index) {
      this.answer(response, service);
      return;
    }
    const answer = (): void => {
      // As an agent: whatever the index is now, lower or equal included, only a higher one ends the
      // wait.
      if (this.index <= index && !response.destroyed) return;
      this.#waiting.delete(answer);
      if (!response.destroyed) this.answer(response, service);
    };
    this.#waiting.add(answer);
    response.on('close', () => this.#waiting.delete(answer));
  }
}

function toEntry(instance: ScriptedInstance): unknown {
  if (instance.raw !== undefined) return instance.raw;
  const {
    id,
    host = '10.0.0.1',
    port = portOf(id),
    status = 'passing',
    node = 'n1',
    nodeAddress = '10.1.0.1',
  } = instance;
  return {
    Node: { Node: node, Address: nodeAddress, Datacenter: 'dc1', Meta: instance.nodeMeta ?? {} },
    Service: {
      ID: id,
      Service: 'users',
      Address: host,
      Port: port,
      Tags: instance.tags ?? [],
      Meta: instance.meta ?? {},
      Weights: instance.weights ?? { Passing: 1, Warning: 1 },
    },
    Checks: [
      { CheckID: 'serfHealth', Status: 'passing' },
      { CheckID: `service:${id}`, Status: status },
    ],
  };
}

/** A port of its own for each id, so that instances of one host are told apart. */
function portOf(id: string): number {
  let port = 1_000;
  for (const char of id) port = (port * 31 + char.charCodeAt(0)) % 60_000;
  return port + 1_000;
}
