import {
  boolean,
  described,
  integer,
  invalidOption,
  isRecord,
  oneOf,
  optional,
  type Reader,
  readOptions,
  text,
} from '../../runtime/options.js';
import type { EntryOptions } from './health-entry.js';

/** How fresh an answer has to be; see `docs/consul.md`. */
export type Consistency = 'default' | 'stale' | 'consistent' | 'cached';

/**
 * What to ask Consul for. Given to `consulResolver` it holds for all services; a service overrides
 * it by its option `discovery`.
 */
export interface ConsulQueryOptions {
  /** Consul's name of the service. Default: the name it has in the mesh. */
  readonly name?: string;
  /** The datacenter of the instances. Default: the agent's own. */
  readonly datacenter?: string;
  /** Consul Enterprise. Default: CONSUL_NAMESPACE. */
  readonly namespace?: string;
  /** Consul Enterprise. Default: CONSUL_PARTITION. */
  readonly partition?: string;
  /** A cluster peer (Consul 1.14 and later) to take the instances from. */
  readonly peer?: string;
  /** Only instances that have this tag, or all of these. */
  readonly tag?: string | readonly string[];
  /**
   * A filter expression of Consul, such as `Service.Meta.version == "2"`, evaluated by its servers.
   */
  readonly filter?: string;
  /** Only instances on nodes with these metadata. */
  readonly nodeMeta?: Readonly<Record<string, string>>;
  /**
   * A node's name, or `_agent`: Consul sorts by round-trip time from there. Takes effect together
   * with `limit`.
   */
  readonly near?: string;
  /**
   * Keep the answer up to the healthy instance that makes this many of them: with `near`, the
   * nearest. Not for services that place data. Default: all; 1 to 1,000,000.
   */
  readonly limit?: number;
  /**
   * Who answers. `stale` (default): any server, also without a leader; an answer older than
   * `maxStaleMs` is not adopted. `default`: the leader. `consistent`: the leader, after asking its
   * peers. `cached`: the agent, from its cache.
   */
  readonly consistency?: Consistency;
  /**
   * Instances in state warning count as not healthy. Default false: they get the weight they have
   * for it.
   */
  readonly passingOnly?: boolean;
  /** The key of service or node metadata that holds the zone. Default `zone`. */
  readonly zoneKey?: string;
  /** Use this tagged address (`wan`, `lan_ipv6`, …) where an instance has it. */
  readonly addressTag?: string;
}

/** A query, read and checked. */
export interface HealthQuery {
  readonly service: string;
  /** Equal for queries that one watch can answer. */
  readonly key: string;
  /** What goes into the URL, save for index, wait and consistency. */
  readonly url: Readonly<Record<string, string | readonly string[]>>;
  readonly consistency: Consistency;
  readonly entries: EntryOptions;
  readonly limit: number;
}

type Optional<T> = { readonly [Key in keyof T]-?: T[Key] | undefined };

const tags: Reader<readonly string[] | undefined> = (() => {
  const one: Reader<unknown> = text(undefined);
  const many = described({ shape: { type: 'list', items: one, min: 1 } }, (value) => value);
  return described({ shape: { type: 'choice', of: [one, many] } }, (value, name) => {
    if (value === undefined) return undefined;
    const list = typeof value === 'string' ? [value] : value;
    if (Array.isArray(list) && list.length > 0 && list.every((tag) => typeof tag === 'string' && tag !== '')) {
      return [...list].sort();
    }
    throw invalidOption(name, value, 'a tag or an array of tags');
  });
})();

const anyText: Reader<unknown> = described({ shape: { type: 'text', mayBeEmpty: true } }, (value) => value);

const pairs: Reader<Readonly<Record<string, string>> | undefined> = described(
  { shape: { type: 'map', values: anyText } },
  (value, name) => {
    if (value === undefined) return undefined;
    if (!isRecord(value)) throw invalidOption(name, value, 'an object of strings');
    for (const [key, each] of Object.entries(value)) {
      if (typeof each !== 'string') throw invalidOption(`${name}.${key}`, each, 'a string');
    }
    return value as Record<string, string>;
  },
);

/** Readers of the query's options, to be spread into the schema of the resolver. */
export const querySchema: { readonly [Key in keyof ConsulQueryOptions]-?: Reader<unknown> } = {
  name: text(undefined),
  datacenter: text(undefined),
  namespace: text(undefined),
  partition: text(undefined),
  peer: text(undefined),
  tag: tags,
  filter: text(undefined),
  nodeMeta: pairs,
  near: text(undefined),
  limit: optional(integer(1, 1, 1_000_000)),
  consistency: optional(oneOf('stale', 'default', 'stale', 'consistent', 'cached')),
  passingOnly: optional(boolean(false)),
  zoneKey: text(undefined),
  addressTag: text(undefined),
};

/** A query but for its service, and what its key says of it. */
type QueryRest = Omit<HealthQuery, 'service' | 'key'> & { readonly text: string };

/** Of services that have no parameters of their own: the same for all of one resolver. */
const plain = new WeakMap<object, QueryRest>();

/**
 * The query of one service: its own parameters over the resolver's. Throws FAIRLEAD_INVALID_OPTION.
 */
export function readQuery(service: string, params: unknown, defaults: Optional<ConsulQueryOptions>): HealthQuery {
  if (!isEmpty(params)) {
    const context = `service '${service}'.discovery`;
    const own = readOptions<Optional<ConsulQueryOptions>>(context, params, querySchema as never);
    return queryOf(own.name ?? defaults.name ?? service, restOf(own, defaults));
  }
  let rest = plain.get(defaults);
  if (rest === undefined) {
    rest = restOf({}, defaults);
    plain.set(defaults, rest);
  }
  return queryOf(defaults.name ?? service, rest);
}

function queryOf(service: string, { url, consistency, entries, limit, text }: QueryRest): HealthQuery {
  return { service, url, consistency, entries, limit, key: JSON.stringify(service) + text };
}

/** A plain object with nothing in it. */
function isEmpty(params: unknown): boolean {
  return isRecord(params) && Object.getPrototypeOf(params) === Object.prototype && Reflect.ownKeys(params).length === 0;
}

function restOf(own: Partial<Optional<ConsulQueryOptions>>, defaults: Optional<ConsulQueryOptions>): QueryRest {
  const asked = <Key extends keyof ConsulQueryOptions>(key: Key): Optional<ConsulQueryOptions>[Key] =>
    own[key] ?? defaults[key];
  const nodeMeta = Object.entries(asked('nodeMeta') ?? {}).map(([key, value]) => `${key}:${value}`);
  const passingOnly = asked('passingOnly') ?? false;
  const url = withoutUndefined({
    dc: asked('datacenter'),
    ns: asked('namespace'),
    partition: asked('partition'),
    peer: asked('peer'),
    tag: asked('tag'),
    filter: asked('filter'),
    'node-meta': nodeMeta.length > 0 ? nodeMeta.sort() : undefined,
    // Never `passing`: an instance that the servers leave out looks like one that is not
    // registered.
    near: asked('near'),
  });
  const rest = {
    url,
    consistency: asked('consistency') ?? 'stale',
    entries: { passingOnly, zoneKey: asked('zoneKey') ?? 'zone', addressTag: asked('addressTag') },
    limit: asked('limit') ?? Number.POSITIVE_INFINITY,
  };
  return { ...rest, text: JSON.stringify(rest) };
}

function withoutUndefined(
  record: Readonly<Record<string, string | readonly string[] | undefined>>,
): Record<string, string | readonly string[]> {
  return Object.fromEntries(
    Object.entries(record).filter((entry): entry is [string, string | readonly string[]] => entry[1] !== undefined),
  );
}
