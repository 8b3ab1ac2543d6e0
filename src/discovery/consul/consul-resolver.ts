import { FairleadError, toError } from '../../runtime/errors.js';
import { type DiscoveryContext, PerClock } from '../context.js';
import type { Resolver, ResolverSink, ServiceQuery } from '../resolver.js';
import { ServerPause } from '../server-pause.js';
import { SharedWatches } from '../shared-watches.js';
import { tell } from '../tell.js';
import { awayMs } from './answer.js';
import { readConnection } from './connection.js';
import { type HealthQuery, readQuery } from './health-query.js';
import { HealthWatch, type WatchContext } from './health-watch.js';
import { PackageTransport } from './package-transport.js';
import { QuerySlots } from './query-slots.js';
import { type ConsulResolverOptions, type ConsulResolverSettings, consulResolverOptions } from './resolver-options.js';

/**
 * Quick reads at once, beside the blocking queries: enough to start 100 services within a second.
 */
const READ_SLOTS = 16;

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
  readonly #defaults: ConsulResolverSettings;
  /** One agent, as it is seen under each clock there is: that of the mesh. */
  readonly #agents: PerClock<Agent>;
  #closed = false;

  constructor(options: ConsulResolverOptions | undefined) {
    const read = consulResolverOptions(options, 'consulResolver');
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
