import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * A registry that speaks the part of Consul's HTTP API that registration and discovery need, for
 * machines that have no Consul: services, TTL checks, health queries that block. One node, no
 * cluster, nothing written to disk: a stand-in for a demo, not for Consul.
 *
 * API: https://developer.hashicorp.com/consul/api-docs/agent/service, …/agent/check, …/health and,
 * for blocking queries, …/features/blocking.
 */
export interface EmbeddedRegistry {
  /** `127.0.0.1:8500`, on a port that was free. */
  readonly address: string;
  close(): Promise<void>;
}

type Status = 'passing' | 'warning' | 'critical';

interface Check {
  readonly id: string;
  readonly ttlMs: number;
  status: Status;
  output: string;
  /** Fires when no heartbeat came in time. */
  timer: NodeJS.Timeout | undefined;
}

interface Registration {
  readonly ID: string;
  readonly Name: string;
  readonly Address?: string;
  readonly Port?: number;
  readonly Tags?: readonly string[];
  readonly Meta?: Readonly<Record<string, string>>;
  readonly Weights?: { readonly Passing: number; readonly Warning: number };
  readonly Check?: { readonly CheckID?: string; readonly TTL?: string; readonly Status?: Status };
}

interface Service {
  readonly registration: Registration;
  readonly createIndex: number;
  index: number;
  readonly checks: readonly Check[];
}

const NODE = { ID: '00000000-0000-0000-0000-000000000000', Node: 'embedded', Address: '127.0.0.1', Datacenter: 'dc1' };
/** Consul's default and upper bound for a blocking query. */
const DEFAULT_WAIT_MS = 300_000;
const MAX_WAIT_MS = 600_000;
const STATUS_OF_VERB: Readonly<Record<string, Status>> = { pass: 'passing', warn: 'warning', fail: 'critical' };

export async function startEmbeddedRegistry(): Promise<EmbeddedRegistry> {
  const registry = new Registry();
  const server = createServer((request, response) => {
    registry.handle(request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(String(error));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      registry.stop();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

class Registry {
  readonly #services = new Map<string, Service>();
  readonly #waiting = new Set<() => void>();
  /** The Raft index of a real agent: grows with every change. */
  #index = 1;

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://registry');
    const route = `${request.method} ${url.pathname}`;
    const last = decodeURIComponent(url.pathname.split('/').at(-1) ?? '');
    if (route === 'GET /v1/agent/self')
      return send(response, 200, { Config: { Datacenter: 'dc1', NodeName: NODE.Node } });
    if (route === 'GET /v1/status/leader') return send(response, 200, '127.0.0.1:8300');
    if (route === 'GET /v1/agent/services') return send(response, 200, this.#list());
    if (route === 'PUT /v1/agent/service/register') return this.#register(await readJson(request), response);
    if (route.startsWith('PUT /v1/agent/service/deregister/')) return this.#deregister(last, response);
    if (route.startsWith('GET /v1/health/service/')) return this.#health(last, url.searchParams, request, response);
    const verb = /^PUT \/v1\/agent\/check\/(pass|warn|fail|update)\//.exec(route)?.[1];
    if (verb === 'update') {
      const body = await readJson<{ Status?: Status; Output?: string }>(request);
      return this.#beat(last, body.Status ?? 'critical', body.Output ?? '', response);
    }
    if (verb !== undefined)
      return this.#beat(last, STATUS_OF_VERB[verb]!, url.searchParams.get('note') ?? '', response);
    response.writeHead(404).end('the embedded registry does not know this request');
  }

  stop(): void {
    for (const service of this.#services.values()) for (const check of service.checks) clearTimeout(check.timer);
    this.#services.clear();
    this.#wake();
  }

  #list(): Record<string, unknown> {
    return Object.fromEntries([...this.#services].map(([id, service]) => [id, describe(service)]));
  }

  #register(registration: Registration, response: ServerResponse): void {
    const id = registration.ID ?? registration.Name;
    const before = this.#services.get(id);
    for (const check of before?.checks ?? []) clearTimeout(check.timer);
    const checks: Check[] = [];
    const ttlMs = parseDuration(registration.Check?.TTL);
    if (registration.Check !== undefined && ttlMs !== undefined) {
      const status = registration.Check.Status ?? 'critical';
      checks.push({ id: registration.Check.CheckID ?? `service:${id}`, ttlMs, status, output: '', timer: undefined });
    }
    this.#index++;
    const createIndex = before?.createIndex ?? this.#index;
    this.#services.set(id, { registration: { ...registration, ID: id }, createIndex, index: this.#index, checks });
    for (const check of checks) this.#expectBeat(check);
    this.#wake();
    send(response, 200, undefined);
  }

  #deregister(id: string, response: ServerResponse): void {
    const service = this.#services.get(id);
    if (service === undefined) {
      send(response, 404, `Unknown service ID "${id}"`);
      return;
    }
    for (const check of service.checks) clearTimeout(check.timer);
    this.#services.delete(id);
    this.#index++;
    this.#wake();
    send(response, 200, undefined);
  }

  #beat(checkId: string, status: Status, output: string, response: ServerResponse): void {
    const found = this.#findCheck(checkId);
    if (found === undefined) {
      send(response, 404, `Unknown check ID "${checkId}"`);
      return;
    }
    this.#set(found.service, found.check, status, output);
    this.#expectBeat(found.check);
    send(response, 200, undefined);
  }

  #expectBeat(check: Check): void {
    clearTimeout(check.timer);
    check.timer = setTimeout(() => {
      const found = this.#findCheck(check.id);
      if (found?.check === check) this.#set(found.service, check, 'critical', 'TTL expired');
    }, check.ttlMs);
  }

  #set(service: Service, check: Check, status: Status, output: string): void {
    check.output = output;
    if (check.status === status) return;
    check.status = status;
    service.index = ++this.#index;
    this.#wake();
  }

  #findCheck(id: string): { service: Service; check: Check } | undefined {
    for (const service of this.#services.values()) {
      const check = service.checks.find((each) => each.id === id);
      if (check !== undefined) return { service, check };
    }
    return undefined;
  }

  async #health(
    name: string,
    query: URLSearchParams,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const known = Number(query.get('index') ?? 0);
    if (known > 0 && known >= this.#index) {
      await this.#change(Math.min(parseDuration(query.get('wait')) ?? DEFAULT_WAIT_MS, MAX_WAIT_MS), request);
    }
    const onlyPassing = query.has('passing') && query.get('passing') !== 'false';
    const entries = [...this.#services.values()]
      .filter(({ registration }) => registration.Name === name)
      .filter(({ checks }) => !onlyPassing || checks.every(({ status }) => status === 'passing'))
      .map((service) => ({
        Node: NODE,
        Service: describe(service),
        Checks: service.checks.map((check) => ({
          Node: NODE.Node,
          CheckID: check.id,
          Name: `Service '${name}' check`,
          Status: check.status,
          Output: check.output,
          ServiceID: service.registration.ID,
          ServiceName: name,
        })),
      }));
    send(response, 200, entries, {
      'X-Consul-Index': this.#index,
      'X-Consul-KnownLeader': 'true',
      'X-Consul-LastContact': 0,
    });
  }

  /** The next change, or the end of the wait, or of the client's patience. */
  #change(waitMs: number, request: IncomingMessage): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(end);
        request.socket.off('close', end);
        resolve();
      };
      const timer = setTimeout(end, waitMs);
      this.#waiting.add(end);
      request.socket.once('close', end);
    });
  }

  #wake(): void {
    for (const end of [...this.#waiting]) end();
  }
}

function describe({ registration, createIndex, index }: Service): Record<string, unknown> {
  return {
    ID: registration.ID,
    Service: registration.Name,
    Tags: registration.Tags ?? [],
    Address: registration.Address ?? '',
    Port: registration.Port ?? 0,
    Meta: registration.Meta ?? {},
    Weights: registration.Weights ?? { Passing: 1, Warning: 1 },
    CreateIndex: createIndex,
    ModifyIndex: index,
  };
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Go's notation, one unit: `500ms`, `10s`, `5m`. */
function parseDuration(text: string | null | undefined): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text ?? '');
  return match === null ? undefined : Number(match[1]) * UNIT_MS[match[2]!]!;
}

async function readJson<T>(request: IncomingMessage): Promise<T> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString('utf8') || '{}') as T;
}

function send(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string | number>> = {},
): void {
  if (response.destroyed) return;
  const text = body === undefined ? '' : typeof body === 'string' && status !== 200 ? body : JSON.stringify(body);
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
  response.end(text);
}
