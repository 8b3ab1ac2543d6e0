import { execFile } from 'node:child_process';
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
const REPOSITORY = join(import.meta.dirname, '..', '..');

/** Of each major the one that a Debian suite has. */
const SUITES = { 2: 'bookworm', 3: 'sid' } as const;
export type PrometheusMajor = keyof typeof SUITES;

export interface PrometheusOptions {
  readonly major: PrometheusMajor;
  /** Addresses to scrape, `host:port`, of the path /metrics. */
  readonly targets: readonly string[];
  /** Absolute paths of files of rules. */
  readonly rules?: readonly string[];
}

export interface QueryResult {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [atS: number, value: string];
}

/** A Prometheus server that scrapes its targets every second. */
export class Prometheus extends Server {
  readonly url: string;

  private constructor(instance: Instance, port: number) {
    super(instance, HOST, port);
    this.url = `http://${HOST}:${port}`;
  }

  /** @internal use startPrometheus() */
  static async launch(instance: Instance, port: number): Promise<Prometheus> {
    const prometheus = new Prometheus(instance, port);
    await prometheus.start();
    return prometheus;
  }

  /** The result of a PromQL expression now. Rejects with what the server says against it. */
  async query(expression: string): Promise<readonly QueryResult[]> {
    return (await this.#api<{ result: readonly QueryResult[] }>('query', { query: expression })).result;
  }

  /** What it says of its targets. */
  async targets(): Promise<readonly { health: string; lastError: string }[]> {
    return (await this.#api<{ activeTargets: { health: string; lastError: string }[] }>('targets', {})).activeTargets;
  }

  /** The names of the alerts that its rules raise, with their states. */
  async alerts(): Promise<readonly { labels: Record<string, string>; state: string }[]> {
    return (await this.#api<{ alerts: { labels: Record<string, string>; state: string }[] }>('alerts', {})).alerts;
  }

  async #api<T>(path: string, query: Record<string, string>): Promise<T> {
    const response = await fetch(`${this.url}/api/v1/${path}?${new URLSearchParams(query)}`);
    const answer = (await response.json()) as { status: string; error?: string; data: T };
    if (answer.status !== 'success') throw new Error(`Prometheus refuses ${JSON.stringify(query)}: ${answer.error}`);
    return answer.data;
  }

  protected async ready(): Promise<void> {
    await this.untilUp(`Prometheus is ready on ${this.address}`, async () => {
      const response = await fetch(`${this.url}/-/ready`, { signal: AbortSignal.timeout(1_000) });
      return response.ok;
    });
  }
}

function packagesOf(major: PrometheusMajor): Promise<string> {
  return fetchPackages({ name: `prometheus${major}`, suite: SUITES[major], packages: ['prometheus'] });
}

/**
 * A container of it has the network of this machine, and sees the repository under its own path.
 */
export async function startPrometheus({ major, targets, rules = [] }: PrometheusOptions): Promise<Prometheus> {
  const port = await freePort(HOST);
  const name = `prometheus-${major}`;
  const folder = serverFolder(`${name}-config`);
  const config = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: rules,
    scrape_configs: [{ job_name: 'fairlead', static_configs: [{ targets }] }],
  };
  // JSON is YAML.
  writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config));
  const backend = chooseBackend();
  if (backend.kind === 'container') {
    const env = { REPOSITORY, PEER_CONFIG: folder, PROMETHEUS_PORT: `${port}` };
    return await Prometheus.launch(new ComposeProject(backend.engine, env).service(name), port);
  }
  const root = await packagesOf(major);
  const instance = new NativeProcess({
    name,
    command: (data) => [
      ...programIn(root, 'usr/bin/prometheus'),
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${data}/store`,
      `--web.listen-address=${HOST}:${port}`,
    ],
  });
  return await Prometheus.launch(instance, port);
}

/**
 * Runs promtool; resolves with what it printed, rejects with that where it finds something wrong.
 */
export async function promtool(major: PrometheusMajor, ...args: readonly string[]): Promise<string> {
  const backend = chooseBackend();
  if (backend.kind === 'container')
    return new ComposeProject(backend.engine, { REPOSITORY }).once(`prometheus-${major}`, 'promtool', ...args);
  const [program, ...before] = programIn(await packagesOf(major), 'usr/bin/promtool') as [string, ...string[]];
  return await new Promise((resolve, reject) => {
    execFile(program, [...before, ...args], (error, stdout, stderr) => {
      if (error === null) resolve(stdout + stderr);
      else reject(new Error(`promtool ${args.join(' ')} failed:\n${stdout}${stderr}`));
    });
  });
}
