import { cp, rm } from 'node:fs/promises';
import { chooseBackend, requireNative } from './backend.js';
import type { Certificates } from './certificates.js';
import { ComposeProject } from './container/compose.js';
import { fetchPackages } from './native/fetch.js';
import { NativeProcess } from './native/process.js';
import { programIn } from './native/program.js';
import { freePort, freePorts } from './ports.js';
import { type Instance, Server } from './server.js';
import { until } from './until.js';

const HOST = '127.0.0.1';
const PACKAGES = {
  '3.4': { name: 'etcd', suite: 'bookworm', packages: ['etcd-server', 'etcd-client'] },
  '3.5': { name: 'etcd-3.5', suite: 'trixie', packages: ['etcd-server', 'etcd-client'] },
} as const;

/** The versions that tests run on; a container engine has one image, for either. */
export type EtcdVersion = keyof typeof PACKAGES;

export interface EtcdOptions {
  /** Default 3.4. */
  readonly version?: EtcdVersion;
  /** It then listens on a second port, with TLS: `tlsPort`. Native processes only. */
  readonly certificates?: Certificates;
  /** There it asks clients for a certificate of the same authority. */
  readonly asksForCertificates?: boolean;
}

/** Operations that etcd takes in one transaction. */
const MAX_OPERATIONS = 128;

/** Users that `enableAuth` makes: `app` may read and write under the prefix that it is given. */
const ETCD_USERS = { root: 'root-pass-3141', app: 'app-pass-2718' } as const;

/** An etcd server, a cluster of one. It keeps its state over a restart, unless that says `wipe`. */
export class Etcd extends Server {
  /** `http://host:port` of the v3 API, gRPC and its JSON gateway alike. */
  readonly url: string;
  /** Where it speaks TLS; 0 where it does not. */
  readonly tlsPort: number;
  readonly #data: string | undefined;
  #token = '';
  #keys: Readonly<Record<string, string>> = {};

  private constructor(instance: Instance, port: number, tlsPort: number) {
    super(instance, HOST, port);
    this.url = `http://${HOST}:${port}`;
    this.tlsPort = tlsPort;
    this.#data = instance instanceof NativeProcess ? instance.data : undefined;
  }

  /** @internal use startEtcd() */
  static async launch(instance: Instance, port: number, tlsPort = 0): Promise<Etcd> {
    const etcd = new Etcd(instance, port, tlsPort);
    await etcd.start();
    return etcd;
  }

  /**
   * One call of the v3 JSON gateway, e.g. `api('/v3/kv/range', { key })` with keys and values in
   * base64.
   */
  async api<T = unknown>(path: string, body: unknown = {}): Promise<T> {
    const response = await fetch(new URL(path, this.url), {
      method: 'POST',
      headers: this.#token === '' ? {} : { authorization: this.#token },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(5_000),
    });
    if (!response.ok) throw new Error(`etcd ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  /** Puts all of them, in as few transactions as etcd takes. */
  async putAll(entries: readonly (readonly [key: string, value: string])[]): Promise<void> {
    for (let from = 0; from < entries.length; from += MAX_OPERATIONS) {
      const success = entries.slice(from, from + MAX_OPERATIONS).map(([key, value]) => ({
        request_put: { key: btoa(key), value: btoa(value) },
      }));
      await this.api('/v3/kv/txn', { success });
    }
  }

  async put(key: string, value: string): Promise<void> {
    await this.api('/v3/kv/put', { key: btoa(key), value: btoa(value) });
  }

  async delete(key: string): Promise<void> {
    await this.api('/v3/kv/deleterange', { key: btoa(key) });
  }

  /** All keys that begin with `prefix`, in one change. */
  async deleteAll(prefix: string): Promise<void> {
    await this.api('/v3/kv/deleterange', { key: btoa(prefix), range_end: btoa(endOf(prefix)) });
  }

  /** The values of the keys that begin with `prefix`, which may be ''. */
  async range(prefix: string): Promise<Record<string, string>> {
    const key = btoa(prefix === '' ? '\0' : prefix);
    const { kvs = [] } = await this.api<{ kvs?: { key: string; value: string }[] }>('/v3/kv/range', {
      key,
      range_end: btoa(endOf(prefix)),
    });
    return Object.fromEntries(kvs.map((each) => [atob(each.key), atob(each.value ?? '')]));
  }

  /** Forgets all changes before now. */
  async compact(): Promise<void> {
    const { header } = await this.api<{ header: { revision: string } }>('/v3/kv/range', { key: btoa('x') });
    await this.api('/v3/kv/compaction', { revision: header.revision, physical: true });
  }

  /** Ends all leases, as when their programs had died. */
  async endLeases(): Promise<void> {
    const { leases = [] } = await this.api<{ leases?: { ID: string }[] }>('/v3/lease/leases');
    for (const { ID } of leases)
      await this.api('/v3/lease/revoke', { ID }).catch((error: Error) => {
        // It ended by itself meanwhile, or its program gave it back.
        if (!error.message.includes('requested lease not found')) throw error;
      });
  }

  /** What `app` logs in with once `enableAuth` was called. */
  readonly login: { readonly user: 'app'; readonly password: string } = { user: 'app', password: ETCD_USERS.app };

  /** From now on it asks who calls; the harness calls as root. The password of `app`. */
  async enableAuth(prefix: string): Promise<string> {
    for (const [name, password] of Object.entries(ETCD_USERS)) {
      await this.api('/v3/auth/user/add', { name, password });
      await this.api('/v3/auth/role/add', { name });
      await this.api('/v3/auth/user/grant', { user: name, role: name });
    }
    const perm = { permType: 'READWRITE', key: btoa(prefix), range_end: btoa(endOf(prefix)) };
    await this.api('/v3/auth/role/grant', { name: 'app', perm });
    await this.api('/v3/auth/enable');
    await this.authenticate();
    return ETCD_USERS.app;
  }

  /** A new token for the harness: a restarted server knows none. */
  async authenticate(): Promise<void> {
    this.#token = '';
    const { root: password } = ETCD_USERS;
    this.#token = (await this.api<{ token: string }>('/v3/auth/authenticate', { name: 'root', password })).token;
  }

  /**
   * Remembers its state, for `restore`: a copy of its files, for which it is down meanwhile; of a
   * container its keys alone.
   */
  async backup(): Promise<void> {
    this.#keys = await this.range('');
    if (this.#data === undefined) return;
    await this.stop();
    await cp(`${this.#data}/state`, `${this.#data}/backup`, { recursive: true });
    await this.restart();
  }

  /** Starts it with the state that it had at the last `backup`; it must be down. */
  async restore(): Promise<void> {
    if (this.#data === undefined) {
      await this.restart({ wipe: true });
      for (const [key, value] of Object.entries(this.#keys)) await this.put(key, value);
      return;
    }
    await rm(`${this.#data}/state`, { recursive: true, force: true });
    await cp(`${this.#data}/backup`, `${this.#data}/state`, { recursive: true });
    await this.restart();
  }

  protected async ready(): Promise<void> {
    await this.untilUp(`etcd is healthy on ${this.address}`, async () => {
      const response = await fetch(`${this.url}/health`, { signal: AbortSignal.timeout(1_000) });
      return ((await response.json()) as { health: string }).health === 'true';
    });
  }
}

/** The first key that does not begin with the prefix, whose last byte is not the last there is. */
function endOf(prefix: string): string {
  if (prefix === '') return '\0';
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}

/** Starts an etcd server that holds no key. */
export async function startEtcd(options: EtcdOptions = {}): Promise<Etcd> {
  const { version = '3.4', certificates, asksForCertificates = false } = options;
  const backend = chooseBackend();
  if (backend.kind === 'container') {
    const port = await freePort(HOST);
    return await Etcd.launch(new ComposeProject(backend.engine, { ETCD_PORT: String(port) }).service('etcd'), port);
  }
  const root = await fetchPackages(PACKAGES[version]);
  const [client, peer, tls] = (await freePorts(3, HOST)) as [number, number, number];
  const secureUrl = certificates === undefined ? '' : `,https://${HOST}:${tls}`;
  const instance = memberOf(root, 'test', [{ name: 'test', peer }], client, {
    'listen-client-urls': `http://${HOST}:${client}${secureUrl}`,
    ...(certificates !== undefined && { 'cert-file': certificates.certFile, 'key-file': certificates.keyFile }),
    ...(certificates !== undefined &&
      asksForCertificates && { 'client-cert-auth': true, 'trusted-ca-file': certificates.caFile }),
  });
  return await Etcd.launch(instance, client, certificates === undefined ? 0 : tls);
}

export interface EtcdCluster extends AsyncDisposable {
  readonly members: readonly Etcd[];
  /** The member that leads, once one does. */
  leader(): Promise<Etcd>;
}

/** Starts a cluster of three members with a leader; it holds no key. */
export async function startEtcdCluster(version: EtcdVersion): Promise<EtcdCluster> {
  requireNative('an etcd cluster');
  const root = await fetchPackages(PACKAGES[version]);
  const peers = await Promise.all(
    ['one', 'two', 'three'].map(async (name) => ({ name, peer: await freePort(HOST), client: await freePort(HOST) })),
  );
  const instances = peers.map(({ name, client }) => ({ client, instance: memberOf(root, name, peers, client, {}) }));
  const started = await Promise.allSettled(instances.map(({ instance, client }) => Etcd.launch(instance, client)));
  const members = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const dispose = async () => void (await Promise.all(members.map((member) => member[Symbol.asyncDispose]())));
  const failed = started.find((each) => each.status === 'rejected');
  if (failed !== undefined) {
    await dispose();
    throw failed.reason;
  }
  const leader = async (): Promise<Etcd> => {
    let found: Etcd | undefined;
    await until('a member leads', async () => {
      for (const member of members.filter(({ running }) => running)) {
        const status = await member.api<{ header: { member_id: string }; leader?: string }>('/v3/maintenance/status');
        if (status.leader === status.header.member_id) found = member;
      }
      return found !== undefined;
    });
    return found!;
  };
  return { members, leader, [Symbol.asyncDispose]: dispose };
}

function memberOf(
  root: string,
  name: string,
  peers: readonly { readonly name: string; readonly peer: number }[],
  client: number,
  more: Readonly<Record<string, string | boolean>>,
): NativeProcess {
  const urlOf = ({ peer }: { readonly peer: number }): string => `http://${HOST}:${peer}`;
  const own = urlOf(peers.find((peer) => peer.name === name)!);
  const flags = {
    'listen-client-urls': `http://${HOST}:${client}`,
    'advertise-client-urls': `http://${HOST}:${client}`,
    'listen-peer-urls': own,
    'initial-advertise-peer-urls': own,
    'initial-cluster': peers.map((peer) => `${peer.name}=${urlOf(peer)}`).join(),
    ...more,
  };
  return new NativeProcess({
    name: 'etcd',
    command: (data) => [
      ...programIn(root, 'usr/bin/etcd'),
      `--name=${name}`,
      `--data-dir=${data}/state`,
      ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`),
    ],
    // etcd 3.4 refuses to start on arm64 without this.
    env: process.arch === 'arm64' ? { ETCD_UNSUPPORTED_ARCH: 'arm64' } : {},
  });
}
