import type { Clock } from '../../runtime/clock.js';
import { number, readOptions, text } from '../../runtime/options.js';
import type { Random } from '../../runtime/random.js';
import { contextSchema, PerClock } from '../context.js';
import { ServerPause } from '../server-pause.js';
import type { ValueSource } from '../value-source.js';
import { awayMs } from './answer.js';
import { type ConsulConnectionOptions, connectionSchema, readConnection } from './connection.js';
import { type KvWatchContext, MAX_BACKOFF_MS, watchKey } from './kv-watch.js';
import { PackageTransport } from './package-transport.js';

export interface ConsulKvOptions extends ConsulConnectionOptions {
  /** Default: the agent's own. */
  readonly datacenter?: string;
  /**
   * How long a query blocks when nothing changes; milliseconds. Default 30,000; 1,000 to 600,000.
   */
  readonly waitMs?: number;
  /** Default: that of the mesh that watches. */
  readonly clock?: Clock;
  /** Default: that of the mesh that watches. */
  readonly random?: Random;
}

interface KvSettings {
  readonly datacenter: string | undefined;
  readonly waitMs: number;
  readonly clock: Clock | undefined;
  readonly random: Random | undefined;
}

/**
 * An agent that does not begin to answer within this, blocking aside, is given up; milliseconds.
 */
const REQUEST_TIMEOUT_MS = 10_000;

/**
 * Values from Consul's KV store, by blocking queries to the leader. An open watch keeps the process
 * alive until its signal aborts. Throws FAIRLEAD_INVALID_OPTION.
 *
 * ```ts
 * registerGrpc(mesh, { serviceConfigSource: consulKv() });   // keys fairlead/grpc/<service>
 * ```
 */
export function consulKv(options?: ConsulKvOptions): ValueSource {
  const read = readOptions<KvSettings>('consulKv', options, {
    ...connectionSchema,
    datacenter: text(undefined),
    waitMs: number(30_000, 1_000, 600_000),
    ...contextSchema,
  } as never);
  const connection = readConnection('consulKv', read as never);
  // By the leader: a server that was restarted and reads its log again answers stale reads with
  // what was once true.
  const query: Record<string, string> = {};
  if (read.datacenter !== undefined) query.dc = read.datacenter;
  if (connection.namespace !== undefined) query.ns = connection.namespace;
  if (connection.partition !== undefined) query.partition = connection.partition;
  const agents = new PerClock<KvWatchContext>(read, (context) => ({
    ...context,
    transport: new PackageTransport(connection, context.clock),
    pause: new ServerPause(context, MAX_BACKOFF_MS, awayMs),
    query,
    waitMs: read.waitMs,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
  }));
  return {
    name: 'consul kv',
    watch: (key, sink, signal, context) => void watchKey(key, agents.of(context), sink, signal),
  };
}
