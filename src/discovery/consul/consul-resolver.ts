import type { Clock } from '../../runtime/clock.js';
import { FairleadError, toError } from '../../runtime/errors.js';
import { integer, number, type Reader, readOptions } from '../../runtime/options.js';
import type { Random } from '../../runtime/random.js';
import { contextSchema, type DiscoveryContext, PerClock } from '../context.js';
import type { Resolver, ResolverSink, ServiceQuery } from '../resolver.js';
import { ServerPause } from '../server-pause.js';
import { SharedWatches } from '../shared-watches.js';
import { tell } from '../tell.js';
import { awayMs } from './answer.js';
import { type ConsulConnectionOptions, connectionSchema, readConnection } from './connection.js';
import { type ConsulQueryOptions, type HealthQuery, querySchema, readQuery } from './health-query.js';
import { HealthWatch, type WatchContext, type WatchOptions } from './health-watch.js';
import { PackageTransport } from './package-transport.js';
import { QuerySlots } from './query-slots.js';

export interface ConsulResolverOptions extends ConsulConnectionOptions, ConsulQueryOptions {
  /**
   * How long a blocking query waits for a change; milliseconds. Default 30,000; 1,000 to 600,000.
   */
  readonly waitMs?: number;
  /**
   * How long an answer may take beyond that; then how long its body may take between two pieces,
   * and all of it with a second more for each 64 KiB that came. Default 10,000; 100 to 600,000.
   */
  readonly requestTimeoutMs?: number;
  /** Requests a second and query, once the burst is used up. Default 4; 0.1 to 1,000. */
  readonly requestsPerSecond?: number;
  /** Requests that may follow each other at once after a quiet time. Default 4; 1 to 1,000. */
  readonly burst?: number;
  /**
   * The longest wait after a failure, unless the agent asks for more; milliseconds. Default 750; 10
   * to 600,000.
   */
  readonly maxBackoffMs?: number;
  /**
   * A `stale` answer older than this is not adopted; milliseconds. Default 10,000; 0 to
   * 31,536,000,000.
   */
  readonly maxStaleMs?: number;
  /**
   * A list that lost more than this share at once is to be confirmed; an empty one is always.
   * Default 0.5; 0 to 1.
   */
  readonly maxShrinkRatio?: number;
  /**
   * After how long a second read, by the leader, may confirm it; milliseconds. Default 500; 0 to
   * 600,000.
   */
  readonly confirmMs?: number;
  /**
   * The same within this time after trouble with the agent; milliseconds. Default 10,000; 0 to
   * 600,000.
   */
  readonly graceMs?: number;
  /**
   * Blocking queries open at once; further services are polled. Default 128; 1 to 10,000. Agents
   * allow an address 200.
   */
  readonly maxBlockingQueries?: number;
  /**
   * A longer answer is refused; bytes, uncompressed. Default 134,217,728 (128 MiB); 1,024 to
   * 2,147,483,647.
   */
  readonly maxBodyBytes?: number;
  /** Default: that of the mesh that watches. */
  readonly clock?: Clock;
  /** Default: that of the mesh that watches. */
  readonly random?: Random;
}

/**
 * Quick reads at once, beside the blocking queries: enough to start 100 services within a second.
 */
const READ_SLOTS = 16;

type Settings = {
  readonly [Key in keyof Required<ConsulResolverOptions>]: ConsulResolverOptions[Key] | undefined;
} & WatchOptions & { readonly maxBlockingQueries: number };

const schema: { readonly [Key in keyof ConsulResolverOptions]-?: Reader<unknown> } = {
  ...connectionSchema,
  ...querySchema,
  waitMs: number(30_000, 1_000, 600_000),
  requestTimeoutMs: number(10_000, 100, 600_000),
  requestsPerSecond: number(4, 0.1, 1_000),
  burst: integer(4, 1, 1_000),
  maxBackoffMs: number(750, 10, 600_000),
  maxStaleMs: number(10_000, 0, 31_536_000_000),
  maxShrinkRatio: number(0.5, 0, 1),
  confirmMs: number(500, 0, 600_000),
  graceMs: number(10_000, 0, 600_000),
  maxBlockingQueries: integer(128, 1, 10_000),
  maxBodyBytes: integer(134_217_728, 1_024, 2_147_483_647),
  ...contextSchema,
};

/**
 * Endpoints from Consul's health endpoint, by blocking queries. Services with the same query share
 * one. An open watch keeps the process alive; `mesh.close()` ends all of them. Throws
 * FAIRLEAD_INVALID_OPTION.
 *
 * ```ts
 * const mesh = createMesh({ resolver: consulResolver() });              // where the Consul CLI would connect to
 * mesh.service('users', { discovery: { tag: 'v2', passingOnly: true } });
 * ```
 */
export function consulResolver(options?: ConsulResolverOptions): Resolver {
  return new ConsulResolver(options);
}

/** An agent, and what is watched there. */
interface Agent {
  readonly context: WatchContext;
  readonly watches: SharedWatches<HealthWatch>;
}

class ConsulResolver implements Resolver {
  readonly name = 'consul';
  readonly #defaults: Settings;
  /** One agent, as it is seen under each clock there is: that of the mesh. */
  readonly #agents: PerClock<Agent>;
  #closed = false;

  constructor(options: ConsulResolverOptions | undefined) {
    const read = readOptions<Settings>('consulResolver', options, schema as never);
    const connection = readConnection('consulResolver', read);
    this.#defaults = {
      ...read,
      namespace: read.namespace ?? connection.namespace,
      partition: read.partition ?? connection.partition,
    };
    const slots = new QuerySlots(read.maxBlockingQueries, READ_SLOTS);
    this.#agents = new PerClock(read, (context) => {
      const transport = new PackageTransport(connection, context.clock);
      const pause = new ServerPause(context, read.maxBackoffMs, awayMs);
      return { context: { ...context, transport, slots, pause, options: read }, watches: new SharedWatches() };
    });
  }

  check(query: ServiceQuery): void {
    this.#read(query);
  }

  watch(query: ServiceQuery, sink: ResolverSink, signal: AbortSignal, context?: DiscoveryContext): void {
    if (signal.aborted) return;
    if (this.#closed) {
      tell(() => sink.error(closedError(query.service)));
      return;
    }
    let health: HealthQuery;
    try {
      health = this.#read(query);
    } catch (thrown) {
      tell(() => sink.error(toError(thrown)));
      return;
    }
    const agent = this.#agents.of(context);
    agent.watches.join(health.key, () => new HealthWatch(health, agent.context), sink, signal);
  }

  close(): void {
    this.#closed = true;
    for (const { watches, context } of this.#agents.all()) {
      watches.close(closedError);
      context.transport.close();
    }
  }

  #read(query: ServiceQuery): HealthQuery {
    return readQuery(query.service, query.params, this.#defaults);
  }
}

function closedError(service: string): FairleadError {
  return new FairleadError('FAIRLEAD_CLOSED', `The Consul resolver is closed: '${service}' is not watched.`, {
    service,
  });
}
