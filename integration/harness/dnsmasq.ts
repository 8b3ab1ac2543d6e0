import { Resolver } from 'node:dns/promises';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chooseBackend } from './backend.js';
import { ComposeProject } from './container/compose.js';
import { fetchPackages } from './native/fetch.js';
import { NativeProcess } from './native/process.js';
import { programIn } from './native/program.js';
import { serverFolder } from './native/run-folder.js';
import { freePort } from './ports.js';
import { type Instance, Server } from './server.js';

const HOST = '127.0.0.1';
const PACKAGES = { name: 'dnsmasq', suite: 'bookworm', packages: ['dnsmasq-base'] };

export interface DnsRecords {
  /** Name to addresses, IPv4 or IPv6. */
  readonly hosts?: Readonly<Record<string, readonly string[]>>;
  /** Each `name,target,port,priority,weight`; without a target it is the one that says no. */
  readonly srv?: readonly string[];
  /** Seconds. Default 1. */
  readonly ttl?: number;
}

/** A DNS server that knows what it is told, under `test.`, and forwards nothing. */
export class Dnsmasq extends Server {
  readonly #write: (records: DnsRecords) => void;

  private constructor(instance: Instance, port: number, write: (records: DnsRecords) => void) {
    super(instance, HOST, port);
    this.#write = write;
  }

  /** @internal use startDnsmasq() */
  static async launch(instance: Instance, port: number, write: (records: DnsRecords) => void): Promise<Dnsmasq> {
    const server = new Dnsmasq(instance, port, write);
    await server.start();
    return server;
  }

  /** From now on these are its records. It is restarted, unless it is down. */
  async set(records: DnsRecords): Promise<void> {
    this.#write(records);
    if (this.running) await this.restart();
  }

  protected async ready(): Promise<void> {
    await this.untilUp(`dnsmasq answers on ${this.address}`, async () => {
      const resolver = new Resolver({ timeout: 500, tries: 1 });
      resolver.setServers([this.address]);
      return (await resolver.resolve4('ready.test')).length > 0;
    });
  }
}

/** A container of it has the network of this machine: the port is the one it is told. */
export async function startDnsmasq(records: DnsRecords = {}): Promise<Dnsmasq> {
  const port = await freePort(HOST);
  const folder = serverFolder('dnsmasq-config');
  const file = join(folder, 'dnsmasq.conf');
  const write = (now: DnsRecords): void => writeFileSync(file, configOf(now, port));
  write(records);
  const backend = chooseBackend();
  if (backend.kind === 'container')
    return await Dnsmasq.launch(
      new ComposeProject(backend.engine, { PEER_CONFIG: folder }).service('dnsmasq'),
      port,
      write,
    );
  const root = await fetchPackages(PACKAGES);
  const instance = new NativeProcess({
    name: 'dnsmasq',
    command: () => [...programIn(root, 'usr/sbin/dnsmasq'), `--conf-file=${file}`, '--no-daemon', '--pid-file='],
  });
  return await Dnsmasq.launch(instance, port, write);
}

function configOf({ hosts = {}, srv = [], ttl = 1 }: DnsRecords, port: number): string {
  const lines = [
    'no-resolv',
    'no-hosts',
    'log-queries',
    `port=${port}`,
    `listen-address=${HOST}`,
    'bind-interfaces',
    'local=/test/',
    `local-ttl=${ttl}`,
    'host-record=ready.test,127.0.0.1',
    ...Object.entries(hosts).flatMap(([name, addresses]) =>
      addresses.map((address) => `host-record=${name},${address},${ttl}`),
    ),
    ...srv.map((record) => `srv-host=${record}`),
  ];
  return `${lines.join('\n')}\n`;
}
