import { Resolver } from 'node:dns/promises';
import { requireNative } from './backend.js';
import { fetchPackages } from './native/fetch.js';
import { NativeProcess } from './native/process.js';
import { programIn } from './native/program.js';
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
  readonly #records: { now: DnsRecords };

  private constructor(instance: Instance, port: number, records: { now: DnsRecords }) {
    super(instance, HOST, port);
    this.#records = records;
  }

  /** @internal use startDnsmasq() */
  static async launch(instance: Instance, port: number, records: { now: DnsRecords }): Promise<Dnsmasq> {
    const server = new Dnsmasq(instance, port, records);
    await server.start();
    return server;
  }

  /** From now on these are its records. It is restarted, unless it is down. */
  async set(records: DnsRecords): Promise<void> {
    this.#records.now = records;
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

export async function startDnsmasq(records: DnsRecords = {}): Promise<Dnsmasq> {
  requireNative('dnsmasq');
  const root = await fetchPackages(PACKAGES);
  const port = await freePort(HOST);
  const box = { now: records };
  const instance = new NativeProcess({
    name: 'dnsmasq',
    command: () => [...programIn(root, 'usr/sbin/dnsmasq'), ...flagsOf(box.now, port)],
  });
  return await Dnsmasq.launch(instance, port, box);
}

function flagsOf({ hosts = {}, srv = [], ttl = 1 }: DnsRecords, port: number): string[] {
  return [
    ...[
      '--keep-in-foreground',
      '--conf-file=/dev/null',
      '--no-resolv',
      '--no-hosts',
      '--no-daemon',
      '--pid-file=',
      '--log-queries',
    ],
    ...[`--port=${port}`, `--listen-address=${HOST}`, '--bind-interfaces', '--local=/test/', `--local-ttl=${ttl}`],
    '--host-record=ready.test,127.0.0.1',
    ...Object.entries(hosts).flatMap(([name, addresses]) =>
      addresses.map((address) => `--host-record=${name},${address},${ttl}`),
    ),
    ...srv.map((record) => `--srv-host=${record}`),
  ];
}
