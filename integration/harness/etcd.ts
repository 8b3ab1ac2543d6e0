import { chooseBackend } from './backend.js';
import { ComposeProject } from './container/compose.js';
import { fetchPackages } from './native/fetch.js';
import { NativeProcess } from './native/process.js';
import { programIn } from './native/program.js';
import { freePort, freePorts } from './ports.js';
import { type Instance, Server } from './server.js';

const HOST = '127.0.0.1';
const PACKAGES = { name: 'etcd', suite: 'bookworm', packages: ['etcd-server', 'etcd-client'] };

/** An etcd server, a cluster of one. It keeps its state over a restart, unless that says `wipe`. */
export class Etcd extends Server {
  /** `http://host:port` of the v3 API, gRPC and its JSON gateway alike. */
  readonly url: string;

  private constructor(instance: Instance, port: number) {
    super(instance, HOST, port);
    this.url = `http://${HOST}:${port}`;
  }

  /** @internal use startEtcd() */
  static async launch(instance: Instance, port: number): Promise<Etcd> {
    const etcd = new Etcd(instance, port);
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
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(5_000),
    });
    if (!response.ok) throw new Error(`etcd ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  async put(key: string, value: string): Promise<void> {
    await this.api('/v3/kv/put', { key: btoa(key), value: btoa(value) });
  }

  async delete(key: string): Promise<void> {
    await this.api('/v3/kv/deleterange', { key: btoa(key) });
  }

  protected async ready(): Promise<void> {
    await this.untilUp(`etcd is healthy on ${this.address}`, async () => {
      const response = await fetch(`${this.url}/health`, { signal: AbortSignal.timeout(1_000) });
      return ((await response.json()) as { health: string }).health === 'true';
    });
  }
}

/** Starts an etcd server that holds no key. */
export async function startEtcd(): Promise<Etcd> {
  const backend = chooseBackend();
  if (backend.kind === 'container') {
    const port = await freePort(HOST);
    return await Etcd.launch(new ComposeProject(backend.engine, { ETCD_PORT: String(port) }).service('etcd'), port);
  }
  const root = await fetchPackages(PACKAGES);
  const [client, peer] = (await freePorts(2, HOST)) as [number, number];
  const peerUrl = `http://${HOST}:${peer}`;
  const urls = {
    'listen-client-urls': `http://${HOST}:${client}`,
    'advertise-client-urls': `http://${HOST}:${client}`,
    'listen-peer-urls': peerUrl,
    'initial-advertise-peer-urls': peerUrl,
    'initial-cluster': `test=${peerUrl}`,
  };
  const instance = new NativeProcess({
    name: 'etcd',
    command: (data) => [
      ...programIn(root, 'usr/bin/etcd'),
      '--name=test',
      `--data-dir=${data}/state`,
      ...Object.entries(urls).map(([name, url]) => `--${name}=${url}`),
    ],
    // etcd 3.4 refuses to start on arm64 without this.
    env: process.arch === 'arm64' ? { ETCD_UNSUPPORTED_ARCH: 'arm64' } : {},
  });
  return await Etcd.launch(instance, client);
}
