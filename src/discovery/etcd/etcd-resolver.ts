import type { Clock } from '../../runtime/clock.js';
import { FairleadError, toError } from '../../runtime/errors.js';
import { integer, number, type Reader, readOptions, text } from '../../runtime/options.js';
import type { Random } from '../../runtime/random.js';
import { contextSchema, type DiscoveryContext, PerClock } from '../context.js';
import type { Resolver, ResolverSink, ServiceQuery } from '../resolver.js';
import { ServerPause } from '../server-pause.js';
import { SharedWatches } from '../shared-watches.js';
import { tell } from '../tell.js';
import { awayMs } from './calls.js';
import { connectionSchema, type EtcdConnectionOptions, readConnection } from './connection.js';
import { GrpcCalls } from './grpc-calls.js';
import { type EtcdLayoutOptions, layoutOf, layoutSchema } from './layouts/index.js';
import { type EtcdQuery, ServiceWatch, type ServiceWatchContext } from './service-watch.js';

export interface EtcdResolverOptions extends EtcdConnectionOptions, EtcdLayoutOptions {
  /**
   * How often a watch without news is asked whether it is alive, which also renews the list's age;
   * milliseconds. Default 5,000; 100 to 600,000.
   */
  readonly progressMs?: number;
  /** The longest wait after a failure; milliseconds. Default 750; 10 to 600,000. */
  readonly maxBackoffMs?: number;
  /**
   * A list that lost more than this share at once is to be confirmed; an empty one is always.
   * Default 0.5; 0 to 1.
   */
  readonly maxShrinkRatio?: number;
  /** After how long another list may confirm it; milliseconds. Default 500; 0 to 600,000. */
  readonly confirmMs?: number;
  /**
   * The same within this time after trouble with etcd; milliseconds. Default 10,000; 0 to 600,000.
   */
  readonly graceMs?: number;
  /** A service with more keys is refused. Default 100,000; 1 to 10,000,000. */
  readonly maxKeys?: number;
  /** Default: that of the mesh that watches. */
  readonly clock?: Clock;
  /** Default: that of the mesh that watches. */
  readonly random?: Random;
}

type Settings = ServiceWatchContext['options'] &
  Parameters<typeof readConnection>[1] &
  Parameters<typeof layoutOf>[1] & { readonly clock: Clock | undefined; readonly random: Random | undefined };

const schema: { readonly [Key in keyof Required<EtcdResolverOptions>]: Reader<unknown> } = {
  ...connectionSchema,
  ...layoutSchema,
  progressMs: number(5_000, 100, 600_000),
  maxBackoffMs: number(750, 10, 600_000),
  maxShrinkRatio: number(0.5, 0, 1),
  confirmMs: number(500, 0, 600_000),
  graceMs: number(10_000, 0, 600_000),
  maxKeys: integer(100_000, 1, 10_000_000),
  ...contextSchema,
};

/** A cluster, and what is watched there. */
interface Cluster {
  readonly context: ServiceWatchContext;
  readonly watches: SharedWatches<ServiceWatch>;
}

/**
 * Endpoints from etcd, by a list and a watch of each service's keys. A service may say by its
 * option `discovery` what it is called there (`name`), and have another `layout`, `prefix` or
 * `scheme`. Services with the same query share a watch. An open watch keeps the process alive;
 * `mesh.close()` ends all of them. Throws FAIRLEAD_INVALID_OPTION.
 *
 * ```ts
 * const mesh = createMesh({ resolver: etcdResolver({ address: '10.0.0.1:2379' }) });
 * mesh.service('users');                                          // keys users/…, as grpc-go has them
 * mesh.service('orders', { discovery: { layout: 'go-zero', name: 'orders.rpc' } });
 * ```
 */
export function etcdResolver(options?: EtcdResolverOptions): Resolver {
  const read = readOptions<Settings>('etcdResolver', options, schema as never);
  const connection = readConnection('etcdResolver', read);
  layoutOf('etcdResolver', read);
  const clusters = new PerClock<Cluster>(read, (context) => {
    const calls = new GrpcCalls(connection, context.clock);
    const pause = new ServerPause(context, read.maxBackoffMs, awayMs);
    return { context: { ...context, calls, pause, options: read }, watches: new SharedWatches() };
  });
  return new EtcdResolver(read, clusters);
}

/** @internal */
export class EtcdResolver implements Resolver {
  readonly name = 'etcd';
  readonly #defaults: Parameters<typeof layoutOf>[1];
  readonly #clusters: PerClock<Cluster>;
  readonly #queries = new QueryBook();
  #closed = false;

  constructor(defaults: Parameters<typeof layoutOf>[1], clusters: PerClock<Cluster>) {
    this.#defaults = defaults;
    this.#clusters = clusters;
  }

  check(query: ServiceQuery): void {
    this.#queries.read(query, this.#defaults);
  }

  watch(query: ServiceQuery, sink: ResolverSink, signal: AbortSignal, context?: DiscoveryContext): void {
    if (signal.aborted) return;
    try {
      if (this.#closed) throw closedError(query.service);
      const read = this.#queries.read(query, this.#defaults);
      const cluster = this.#clusters.of(context);
      cluster.watches.join(read.key, () => new ServiceWatch(read, cluster.context), sink, signal);
    } catch (thrown) {
      tell(() => sink.error(toError(thrown)));
    }
  }

  close(): void {
    this.#closed = true;
    for (const { watches, context } of this.#clusters.all()) {
      watches.close(closedError);
      context.calls.close();
    }
  }
}

/** What services ask for, over the resolver's own layout. */
class QueryBook {
  /** A layout of one's own has no name: those with the same object share a watch. */
  readonly #own = new WeakMap<object, number>();
  #owns = 0;

  read({ service, params }: ServiceQuery, defaults: Parameters<typeof layoutOf>[1]): EtcdQuery {
    const context = `service '${service}': discovery`;
    const read = readOptions<Parameters<typeof layoutOf>[1] & { readonly name: string | undefined }>(context, params, {
      ...layoutSchema,
      // What is not given here is the resolver's.
      layout: (value: unknown, at: string) => (value === undefined ? undefined : layoutSchema.layout(value, at)),
      name: text(undefined),
    } as never);
    const chosen = read.layout ?? defaults.layout;
    const same = chosen === defaults.layout;
    const prefix = read.prefix ?? (same ? defaults.prefix : undefined);
    const scheme = read.scheme ?? (same ? defaults.scheme : undefined);
    const layout = layoutOf(context, { layout: chosen, prefix, scheme });
    const name = read.name ?? service;
    return { key: JSON.stringify([this.#nameOf(chosen), prefix, scheme, name]), service: name, layout };
  }

  #nameOf(layout: string | object): string | number {
    if (typeof layout === 'string') return layout;
    const known = this.#own.get(layout) ?? ++this.#owns;
    this.#own.set(layout, known);
    return known;
  }
}

function closedError(service: string): FairleadError {
  return new FairleadError('FAIRLEAD_CLOSED', `The etcd resolver is closed: '${service}' is not watched.`, { service });
}
