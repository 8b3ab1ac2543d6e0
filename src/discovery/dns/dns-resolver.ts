import { isIP } from 'node:net';
import { addressOf } from '../../endpoint/endpoint.js';
import type { Clock } from '../../runtime/clock.js';
import { FairleadError, toError } from '../../runtime/errors.js';
import {
  described,
  fields,
  integer,
  invalidOption,
  number,
  oneOf,
  optional,
  type Reader,
  readOptions,
  type Schema,
  text,
} from '../../runtime/options.js';
import type { Random } from '../../runtime/random.js';
import { contextSchema, type DiscoveryContext, PerClock } from '../context.js';
import { readEndpoint } from '../endpoint-input.js';
import type { Resolver, ResolverSink, ServiceQuery } from '../resolver.js';
import { SharedWatches } from '../shared-watches.js';
import { tell } from '../tell.js';
import { DnsWatch, type DnsWatchContext } from './dns-watch.js';
import { type LookupSettings, NodeLookups } from './node-lookups.js';
import type { DnsQuery, DnsRecords } from './read-name.js';

/** What to ask DNS for. A service overrides it by its option `discovery`. */
export interface DnsQueryOptions {
  /**
   * `a` (default), `aaaa`, `both` of them, or `srv`: service records and the addresses of their
   * targets.
   */
  readonly records?: 'a' | 'aaaa' | 'both' | 'srv';
  /** Where the instances listen; 1 to 65,535. Needed, but for `srv`, which has ports. */
  readonly port?: number;
}

export interface DnsResolverOptions extends DnsQueryOptions {
  /** `address` or `address:port` of DNS servers, in the order to ask. Default: the system's. */
  readonly servers?: readonly string[];
  /**
   * How often to ask where TTLs do not say, or should not; milliseconds. Default: by the TTL of the
   * addresses, those of the targets with `srv`; 1,000 to 86,400,000, and from `minRefreshMs` to
   * `maxRefreshMs`.
   */
  readonly refreshMs?: number;
  /** Never more often than this; milliseconds. Default 1,000; 100 to 86,400,000. */
  readonly minRefreshMs?: number;
  /** Never less often than this; milliseconds. Default 60,000; 1,000 to 86,400,000. */
  readonly maxRefreshMs?: number;
  /**
   * How long a server may take for an answer at first; milliseconds. Default 1,000; 10 to 60,000.
   */
  readonly timeoutMs?: number;
  /** Tries with each server, each with twice the time. Default 2; 1 to 10. */
  readonly tries?: number;
  /**
   * An answer that lost more than this share at once is to be confirmed; a negative one is always.
   * Default 0.5; 0 to 1.
   */
  readonly maxShrinkRatio?: number;
  /** After how long another answer may confirm it; milliseconds. Default 5,000; 0 to 600,000. */
  readonly confirmMs?: number;
  /** The same within this time after a failure; milliseconds. Default 10,000; 0 to 600,000. */
  readonly graceMs?: number;
  /** Default: that of the mesh that watches. */
  readonly clock?: Clock;
  /** Default: that of the mesh that watches. */
  readonly random?: Random;
}

interface QuerySettings {
  readonly records: DnsRecords;
  readonly port: number | undefined;
}

type Settings = QuerySettings &
  DnsWatchContext['options'] &
  Omit<LookupSettings, 'reuseMs'> & { readonly clock: Clock | undefined; readonly random: Random | undefined };

const server: Reader<string> = described({ shape: { type: 'text' } }, (value, name) => {
  const match = typeof value === 'string' ? /^(?:\[([^\]]+)\]|([\d.]+)):(\d{1,5})$/.exec(value) : null;
  const port = match === null ? 1 : Number(match[3]);
  const address = match === null ? value : (match[1] ?? match[2]);
  if (typeof address === 'string' && isIP(address) !== 0 && port > 0 && port <= 65_535) return value as string;
  throw invalidOption(name, value, "an IP address, with a port as in '127.0.0.1:53' or '[::1]:53'");
});

const servers: Reader<readonly string[] | undefined> = described(
  { shape: { type: 'list', items: server, min: 1 } },
  (value, name) => {
    if (value === undefined) return undefined;
    if (Array.isArray(value) && value.length > 0) return value.map((each, at) => server(each, `${name}[${at}]`));
    throw invalidOption(name, value, 'an array of at least one IP address');
  },
);

const querySchema = {
  records: oneOf('a', 'a', 'aaaa', 'both', 'srv'),
  port: optional(integer(0, 1, 65_535)),
};

const schema: Schema<Settings> = {
  ...querySchema,
  servers,
  refreshMs: optional(number(0, 1_000, 86_400_000)),
  minRefreshMs: number(1_000, 100, 86_400_000),
  maxRefreshMs: number(60_000, 1_000, 86_400_000),
  timeoutMs: integer(1_000, 10, 60_000),
  tries: integer(2, 1, 10),
  maxShrinkRatio: number(0.5, 0, 1),
  confirmMs: number(5_000, 0, 600_000),
  graceMs: number(10_000, 0, 600_000),
  ...contextSchema,
};

export const dnsResolverOptions: Reader<Settings> = fields(
  schema,
  (read, name) => {
    const { minRefreshMs, maxRefreshMs, refreshMs } = read;
    const limits = (what: string): string => `${what} (minRefreshMs is ${minRefreshMs}, maxRefreshMs ${maxRefreshMs})`;
    if (minRefreshMs > maxRefreshMs) {
      throw invalidOption(`${name}.minRefreshMs`, minRefreshMs, limits('at most maxRefreshMs'));
    }
    // They win over it: it would be taken and not done.
    if (refreshMs !== undefined && (refreshMs < minRefreshMs || refreshMs > maxRefreshMs)) {
      throw invalidOption(`${name}.refreshMs`, refreshMs, limits('from minRefreshMs to maxRefreshMs'));
    }
    return read;
  },
  '`minRefreshMs` is at most `maxRefreshMs`',
  '`refreshMs` lies between the two',
);

/** The servers as they are asked, and what is watched there. */
interface Zone {
  readonly context: DnsWatchContext;
  readonly watches: SharedWatches<DnsWatch>;
}

/**
 * Endpoints from DNS: address records and a port, or service records. The name is that of the
 * service, or `name` of its option `discovery`, asked for as it is: without search domains, which
 * in Kubernetes means the whole `users.default.svc.cluster.local`. An open watch keeps the process
 * alive; `mesh.close()` ends all of them. Throws FAIRLEAD_INVALID_OPTION.
 *
 * ```ts
 * const mesh = createMesh({ resolver: dnsResolver({ port: 5001 }) });
 * mesh.service('users', { discovery: { name: 'users.default.svc.cluster.local' } });
 * ```
 */
export function dnsResolver(options?: DnsResolverOptions): Resolver {
  const read = dnsResolverOptions(options, 'dnsResolver');
  return new DnsResolver(
    read,
    new PerClock<Zone>(read, (context) => {
      const lookups = new NodeLookups({ ...read, reuseMs: read.minRefreshMs / 2 }, context.clock);
      return { context: { ...context, lookups, options: read }, watches: new SharedWatches() };
    }),
  );
}

/** @internal */
export class DnsResolver implements Resolver {
  readonly name = 'dns';
  readonly #defaults: QuerySettings;
  readonly #zones: PerClock<Zone>;
  #closed = false;

  constructor(defaults: QuerySettings, zones: PerClock<Zone>) {
    this.#defaults = defaults;
    this.#zones = zones;
  }

  check(query: ServiceQuery): void {
    readQuery(query, this.#defaults);
  }

  watch(query: ServiceQuery, sink: ResolverSink, signal: AbortSignal, context?: DiscoveryContext): void {
    if (signal.aborted) return;
    try {
      if (this.#closed) throw closedError(query.service);
      const read = readQuery(query, this.#defaults);
      if (isIP(read.name) !== 0) {
        const spec = readEndpoint(addressOf({ host: read.name, port: read.port }), 'name');
        tell(() => sink.snapshot([spec], 'literal'));
        return;
      }
      const zone = this.#zones.of(context);
      zone.watches.join(read.key, () => new DnsWatch(read, zone.context), sink, signal);
    } catch (thrown) {
      tell(() => sink.error(toError(thrown)));
    }
  }

  close(): void {
    this.#closed = true;
    for (const { watches, context } of this.#zones.all()) {
      watches.close(closedError);
      context.lookups.close();
    }
  }
}

function readQuery({ service, params }: ServiceQuery, defaults: QuerySettings): DnsQuery {
  const context = `service '${service}': discovery`;
  const read = readOptions<QuerySettings & { readonly name: string | undefined }>(context, params, {
    records: (value: unknown, at: string) => (value === undefined ? defaults.records : querySchema.records(value, at)),
    port: querySchema.port,
    name: text(undefined),
  } as never);
  const name = read.name ?? service;
  if (isIP(name) === 0 && !/^[\w-]+(?:\.[\w-]+)*\.?$/.test(name)) {
    throw invalidOption(`${context}.name`, name, 'a DNS name of letters, digits, hyphens and dots');
  }
  const port = read.port ?? defaults.port;
  if (read.records === 'srv') {
    if (isIP(name) !== 0) throw invalidOption(`${context}.name`, name, 'a name, where service records are asked for');
    return { key: `srv ${name}`, service: name, name, records: 'srv', port: 0 };
  }
  if (port === undefined) throw invalidOption(`${context}.port`, port, `a port from 1 to 65535 with ${read.records}`);
  return { key: `${read.records} ${name} ${port}`, service: name, name, records: read.records, port };
}

function closedError(service: string): FairleadError {
  return new FairleadError('FAIRLEAD_CLOSED', `The DNS resolver is closed: '${service}' is not watched.`, { service });
}
