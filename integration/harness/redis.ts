import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import { chooseBackend, requireNative } from './backend.js';
import { ComposeProject } from './container/compose.js';
import { fetchPackages } from './native/fetch.js';
import { NativeProcess } from './native/process.js';
import { programIn } from './native/program.js';
import { freeClusterPort, freePort } from './ports.js';
import { type Instance, Server } from './server.js';
import { until } from './until.js';

const HOST = '127.0.0.1';
const PACKAGES = { name: 'redis', suite: 'bookworm', packages: ['redis-server', 'redis-tools'] };
const run = promisify(execFile);

export interface RedisOptions {
  /**
   * Keep every write on disk (append-only file, synced each time), so that it survives kill() and
   * restart(). Default: memory only.
   */
  readonly persist?: boolean;
  readonly password?: string;
  /** Further arguments of redis-server, e.g. `['--maxmemory', '10mb']`. */
  readonly args?: readonly string[];
}

/** A Redis server. */
export class Redis extends Server {
  readonly password: string | undefined;

  /** @internal use startRedis() */
  constructor(instance: Instance, port: number, password: string | undefined) {
    super(instance, HOST, port);
    this.password = password;
  }

  /** @internal */
  static async launch(instance: Instance, port: number, password?: string): Promise<Redis> {
    const redis = new Redis(instance, port, password);
    await redis.start();
    return redis;
  }

  protected async ready(): Promise<void> {
    await this.untilUp(`Redis answers on ${this.address}`, () => this.#ping());
  }

  /**
   * PING by hand: a server that wants a password answers with an error, which will do; one still
   * loading its data says so, which will not.
   */
  async #ping(): Promise<boolean> {
    const socket = connect(this.port, this.host);
    socket.setTimeout(1_000, () => socket.destroy(new Error('no answer')));
    try {
      socket.write('PING\r\n');
      const [reply] = (await once(socket, 'data')) as [Buffer];
      return /^(\+PONG|-NOAUTH)/.test(reply.toString());
    } finally {
      socket.destroy();
    }
  }
}

/** Starts a Redis server that holds nothing. */
export async function startRedis(options: RedisOptions = {}): Promise<Redis> {
  const backend = chooseBackend();
  const port = await freePort(HOST);
  const args = serverArgs(options);
  if (backend.kind === 'container') {
    const project = new ComposeProject(backend.engine, {
      REDIS_1_PORT: String(port),
      REDIS_ARGS: args.map((arg) => `'${arg}'`).join(' '),
    });
    return await Redis.launch(project.service('redis-1'), port, options.password);
  }
  return await startNative(port, options.password, args);
}

function serverArgs(options: RedisOptions): string[] {
  return [
    ...['--save', ''],
    ...(options.persist ? ['--appendonly', 'yes', '--appendfsync', 'always'] : []),
    ...(options.password === undefined ? [] : ['--requirepass', options.password]),
    ...(options.args ?? []),
  ];
}

async function startNative(port: number, password: string | undefined, args: readonly string[]): Promise<Redis> {
  const root = await fetchPackages(PACKAGES);
  const instance = new NativeProcess({
    name: 'redis',
    command: (data) => [
      ...programIn(root, 'usr/bin/redis-server'),
      '--port',
      String(port),
      '--bind',
      HOST,
      '--dir',
      data,
      ...args,
    ],
  });
  return await Redis.launch(instance, port, password);
}

export interface RedisClusterHandle extends AsyncDisposable {
  readonly nodes: readonly Redis[];
}

/** A Redis Cluster of `masters` nodes (at least three) without replicas, to compare with. */
export async function startRedisCluster(masters = 3): Promise<RedisClusterHandle> {
  requireNative('a Redis Cluster');
  const nodes: Redis[] = [];
  const dispose = async () => void (await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]())));
  try {
    for (let i = 0; i < masters; i += 1) {
      const port = await freeClusterPort(HOST);
      nodes.push(
        await startNative(port, undefined, [
          '--save',
          '',
          '--cluster-enabled',
          'yes',
          '--cluster-node-timeout',
          '1000',
        ]),
      );
    }
    const cli = programIn(await fetchPackages(PACKAGES), 'usr/bin/redis-cli');
    const redisCli = (...args: string[]) => run(cli[0]!, [...cli.slice(1), ...args]);
    await redisCli('--cluster', 'create', ...nodes.map((node) => node.address), '--cluster-yes');
    for (const node of nodes) {
      const info = ['-h', node.host, '-p', String(node.port), 'cluster', 'info'];
      await until('every node sees the cluster whole', async () =>
        (await redisCli(...info)).stdout.includes('cluster_state:ok'),
      );
    }
    return { nodes, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}
