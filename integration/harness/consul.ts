import { randomInt, randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { chooseBackend, requireNative } from './backend.js';
import { makeCertificates } from './certificates.js';
import { ComposeProject, HOST_FROM_CONTAINER } from './container/compose.js';
import { fetchPackages } from './native/fetch.js';
import { NativeProcess } from './native/process.js';
import { programIn } from './native/program.js';
import { freePort, freePorts } from './ports.js';
import { type Instance, Server } from './server.js';
import { until } from './until.js';

const LOCALHOST = '127.0.0.1';
const PACKAGES = { name: 'consul', suite: 'bullseye', packages: ['consul'] };

/** Configuration as Consul reads it from a JSON file. */
type ConsulConfig = Readonly<Record<string, unknown>>;

export interface ConsulOptions {
  /**
   * Keep the state on disk: services, sessions and keys survive kill() and restart(). Default: a
   * dev agent, which forgets all when it ends.
   */
  readonly persist?: boolean;
  /** Deny everything that comes without a token; the handle's `token` may do anything. */
  readonly acl?: boolean;
  /** Serve HTTPS as well; the handle's `tls` says where and which CA to trust. Native only. */
  readonly tls?: boolean;
  /** Further configuration, as in a JSON configuration file. */
  readonly config?: ConsulConfig;
}

/** Where a TLS-enabled agent serves, and the certificate authority that signed its certificate. */
export interface ConsulTls {
  readonly port: number;
  readonly caFile: string;
  readonly ca: string;
}

interface ConsulParts {
  readonly instance: Instance;
  readonly host: string;
  readonly port: number;
  readonly token?: string | undefined;
  readonly tls?: ConsulTls | undefined;
  readonly hostSeenByAgent?: string;
  /**
   * Whether to wait for an elected leader; a member of a cluster cannot have one before its peers
   * run.
   */
  readonly awaitLeader?: boolean;
}

/** A Consul agent. */
export class Consul extends Server {
  /** `http://host:port` */
  readonly url: string;
  /** The management token, when access control is on. */
  readonly token: string | undefined;
  readonly tls: ConsulTls | undefined;
  /**
   * Address under which the agent reaches servers that the tests run on this machine, e.g. in an
   * HTTP check.
   */
  readonly hostSeenByAgent: string;
  readonly #awaitLeader: boolean;

  /** @internal use startConsul() */
  constructor(parts: ConsulParts) {
    super(parts.instance, parts.host, parts.port);
    this.url = `http://${parts.host}:${parts.port}`;
    this.token = parts.token;
    this.tls = parts.tls;
    this.hostSeenByAgent = parts.hostSeenByAgent ?? LOCALHOST;
    this.#awaitLeader = parts.awaitLeader ?? true;
  }

  /** @internal */
  static async launch(parts: ConsulParts): Promise<Consul> {
    const consul = new Consul(parts);
    await consul.start();
    return consul;
  }

  /**
   * One call of the agent's HTTP API, e.g. `api('PUT', '/v1/agent/service/register', { Name:
   * 'users' })`; returns the decoded JSON, or the text where it is none. Throws on a status that is
   * not 2xx.
   */
  async api<T = unknown>(method: 'GET' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<T> {
    const { status, text } = await send(this.url, method, path, this.token, body);
    if (status < 200 || status > 299) throw new Error(`${method} ${path}: ${status} ${text}`);
    try {
      return JSON.parse(text) as T;
    } catch {
      return text as T;
    }
  }

  /**
   * Registers a service at this agent, e.g. `{ Name: 'users', ID: 'users-1', Address: '127.0.0.1',
   * Port: 5001 }`.
   */
  async register(service: { readonly Name: string } & Readonly<Record<string, unknown>>): Promise<void> {
    await this.api('PUT', '/v1/agent/service/register', service);
  }

  async deregister(id: string): Promise<void> {
    await this.api('PUT', `/v1/agent/service/deregister/${encodeURIComponent(id)}`);
  }

  protected async ready(): Promise<void> {
    await this.untilUp(`Consul answers on ${this.address}`, async () => {
      const { status, text } = await send(this.url, 'GET', '/v1/status/leader', this.token);
      return this.#awaitLeader ? status === 200 && /\d/.test(text) : status > 0;
    });
    if (!this.#awaitLeader) return;
    // An elected leader still needs a moment until reads work and the agent's own node is in the
    // catalogue.
    await until(
      `Consul on ${this.address} lists its node`,
      async () => (await this.api<unknown[]>('GET', '/v1/catalog/nodes')).length > 0,
    );
  }
}

/**
 * A plain request, without keep-alive: a pooled connection to an agent that was just killed would
 * fail the next request.
 */
function send(
  url: string,
  method: string,
  path: string,
  token?: string,
  body?: unknown,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = token === undefined ? {} : { 'X-Consul-Token': token };
    const request = httpRequest(new URL(path, url), { method, headers, agent: false, timeout: 5_000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
    });
    request.on('timeout', () => request.destroy(new Error('timed out')));
    request.on('error', reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** Starts a Consul agent that is its own server and leader, and knows no service but itself. */
export async function startConsul(options: ConsulOptions = {}): Promise<Consul> {
  const backend = chooseBackend();
  const token = options.acl ? randomUUID() : undefined;
  if (backend.kind === 'container' && !options.tls) {
    const port = await freePort(LOCALHOST);
    const local = { ...aclConfig(token, 'initial_management'), ...options.config };
    const project = new ComposeProject(backend.engine, {
      CONSUL_PORT: String(port),
      CONSUL_LOCAL_CONFIG: JSON.stringify(local),
      CONSUL_MODE: options.persist ? '-server -bootstrap-expect=1' : '-dev',
    });
    return await Consul.launch({
      instance: project.service('consul'),
      host: LOCALHOST,
      port,
      token,
      hostSeenByAgent: HOST_FROM_CONTAINER,
    });
  }
  requireNative('Consul with TLS');
  const root = await fetchPackages(PACKAGES);
  const ports = await freePorts(6, LOCALHOST);
  const tls = options.tls ? { port: ports[4]!, ...(await makeCertificates()) } : undefined;
  const config = {
    ...agentConfig('agent', LOCALHOST, ports),
    ...aclConfig(token, 'master'),
    ...(tls && {
      ports: { ...portsConfig(ports), https: tls.port },
      ca_file: tls.caFile,
      cert_file: tls.certFile,
      key_file: tls.keyFile,
    }),
    ...options.config,
  };
  const mode = options.persist ? ['-server', '-bootstrap-expect=1'] : ['-dev'];
  const instance = agentProcess(root, 'consul', mode, config);
  return await Consul.launch({ instance, host: LOCALHOST, port: ports[0]!, token, tls });
}

export interface ConsulCluster extends AsyncDisposable {
  readonly servers: readonly Consul[];
  /**
   * The server that leads, as the first server that knows says; undefined while none is elected.
   */
  leader(): Promise<Consul | undefined>;
}

/**
 * Starts a cluster of servers, each on a loopback address of its own, with an elected leader. State
 * is on disk: a killed server returns with restart(). Kill the leader to force an election; kill a
 * majority to lose the quorum.
 */
export async function startConsulCluster(size = 3): Promise<ConsulCluster> {
  requireNative('a Consul cluster');
  const root = await fetchPackages(PACKAGES);
  // Any 127/8 address is this machine's. A random second and third byte keep two clusters apart, as
  // all servers of one share their port numbers.
  const network = `127.${randomInt(1, 255)}.${randomInt(0, 255)}`;
  const hosts = Array.from({ length: size }, (_, i) => `${network}.${11 + i}`);
  const ports = await freePorts(6, hosts[0]!);
  const servers = hosts.map((host, i) => {
    const config = {
      ...agentConfig(`server-${i + 1}`, host, ports),
      retry_join: hosts.map((peer) => `${peer}:${ports[1]}`),
      retry_interval: '1s',
    };
    const instance = agentProcess(root, `consul-${i + 1}`, ['-server', `-bootstrap-expect=${size}`], config);
    return new Consul({ instance, host, port: ports[0]!, awaitLeader: false });
  });
  const leader = async (): Promise<Consul | undefined> => {
    for (const server of servers) {
      if (!server.running) continue;
      const address = await server.api<string>('GET', '/v1/status/leader').catch(() => '');
      const found = servers.find((candidate) => candidate.running && address.startsWith(`${candidate.host}:`));
      if (found) return found;
    }
    return undefined;
  };
  const dispose = async () => void (await Promise.all(servers.map((server) => server[Symbol.asyncDispose]())));
  try {
    await Promise.all(servers.map((server) => server.restart()));
    await until('the cluster elects a leader', leader);
    for (const server of servers)
      await until(`${server.address} serves reads`, () => server.api('GET', '/v1/catalog/nodes'));
  } catch (error) {
    await dispose();
    throw error;
  }
  return { servers, leader, [Symbol.asyncDispose]: dispose };
}

function agentProcess(root: string, name: string, mode: readonly string[], config: ConsulConfig): NativeProcess {
  return new NativeProcess({
    name,
    prepare: (data) => writeFileSync(join(data, 'agent.json'), JSON.stringify(config)),
    command: (data) => {
      const state = mode.includes('-dev') ? [] : [`-data-dir=${join(data, 'state')}`];
      return [
        ...programIn(root, 'usr/bin/consul'),
        'agent',
        ...mode,
        ...state,
        `-config-file=${join(data, 'agent.json')}`,
      ];
    },
  });
}

/** [HTTP, Serf LAN, server RPC, DNS, HTTPS, Serf WAN] */
function portsConfig(ports: readonly number[]): ConsulConfig {
  const [http, serfLan, server, dns, , serfWan] = ports;
  return { http, serf_lan: serfLan, server, dns, serf_wan: serfWan, grpc: -1 };
}

function agentConfig(node: string, host: string, ports: readonly number[]): ConsulConfig {
  return {
    node_name: node,
    bind_addr: host,
    advertise_addr: host,
    client_addr: host,
    ports: portsConfig(ports),
    log_level: 'warn',
    // The fastest timing Consul has: elections take well under a second or two instead of five
    // times that.
    performance: { raft_multiplier: 1 },
    // A stopped server is to look failed, not to leave the cluster: tests bring it back.
    leave_on_terminate: false,
    skip_leave_on_interrupt: true,
    disable_update_check: true,
    enable_script_checks: false,
  };
}

/** Access control with one management token, which Consul 1.11 renamed. */
function aclConfig(token: string | undefined, managementKey: 'master' | 'initial_management'): ConsulConfig {
  if (token === undefined) return {};
  return { acl: { enabled: true, default_policy: 'deny', tokens: { [managementKey]: token, agent: token } } };
}
