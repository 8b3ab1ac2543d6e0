import { FairleadError, toError } from '../../runtime/errors.js';
import { readOptions, text } from '../../runtime/options.js';
import { type DiscoveryContext, PerClock } from '../context.js';
import type { Resolver, ResolverSink, ServiceQuery } from '../resolver.js';
import { ServerPause } from '../server-pause.js';
import { SharedWatches } from '../shared-watches.js';
import { tell } from '../tell.js';
import { awayMs } from './calls.js';
import { readConnection } from './connection.js';
import { GrpcCalls } from './grpc-calls.js';
import { type LayoutSettings, layoutOf, layoutSchema } from './layouts/index.js';
import { type EtcdResolverOptions, etcdResolverOptions } from './resolver-options.js';
import { type EtcdQuery, ServiceWatch, type ServiceWatchContext } from './service-watch.js';

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
  const read = etcdResolverOptions(options, 'etcdResolver');
  const connection = readConnection('etcdResolver', read);
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
  readonly #defaults: LayoutSettings;
  readonly #clusters: PerClock<Cluster>;
  readonly #queries = new QueryBook();
  #closed = false;

  constructor(defaults: LayoutSettings, clusters: PerClock<Cluster>) {
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

  read({ service, params }: ServiceQuery, defaults: LayoutSettings): EtcdQuery {
    const context = `service '${service}': discovery`;
    const read = readOptions<LayoutSettings & { readonly name: string | undefined }>(context, params, {
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
