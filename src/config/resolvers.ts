import { consulResolverOptions } from '../discovery/consul/resolver-options.js';
import { dnsResolver, dnsResolverOptions } from '../discovery/dns/dns-resolver.js';
import { readEndpointLists } from '../discovery/endpoint-input.js';
import { etcdResolverOptions } from '../discovery/etcd/resolver-options.js';
import type { EndpointInput, Resolver } from '../discovery/resolver.js';
import { fallback, fallbackSchema } from '../discovery/sources/fallback.js';
import { fileResolver, fileResolverOptions } from '../discovery/sources/file-resolver.js';
import { merge, mergeSchema } from '../discovery/sources/merge.js';
import { type SnapshotOptions, snapshotSchema, withSnapshot } from '../discovery/sources/snapshot.js';
import { type Source, sourceSchema } from '../discovery/sources/source.js';
import { staticResolver } from '../discovery/static.js';
import { described, fields, invalidOption, isRecord, type Reader, required, unchecked } from '../runtime/options.js';

/** What a document says of a resolver: its name, or `{ name: options }`. */
export type SaidResolver = string | { readonly [name: string]: unknown };

/** Makes a resolver from what a document says under its name, with its references resolved. */
export type ResolverMaker = (options: never) => Resolver | Promise<Resolver>;

/** A source of `fallback` or `merge`. */
interface SaidSource extends Omit<Source, 'resolver'> {
  /** Where it takes its endpoints from. Two that say the same of it share one. */
  readonly resolver: SaidResolver;
}

interface SaidSources {
  /** In order: the first counts most. */
  readonly sources: readonly SaidSource[];
}

interface SaidSnapshot extends SnapshotOptions {
  /** The one whose lists are kept. */
  readonly resolver: SaidResolver;
}

/** Makes a resolver that another one is made of. */
type Inner = (said: SaidResolver) => Promise<Resolver>;

interface Kind {
  readonly options: Reader<unknown>;
  make(options: never, inner: Inner): Resolver | Promise<Resolver>;
}

/** Those that a document can name. What needs a package is loaded where one does. */
const kinds: Readonly<Record<string, Kind>> = {
  static: {
    options: readEndpointLists,
    make: (lists: Readonly<Record<string, readonly EndpointInput[]>>) => staticResolver(lists),
  },
  consul: {
    options: consulResolverOptions,
    make: async (options) => (await import('../discovery/consul/index.js')).consulResolver(options),
  },
  etcd: {
    options: etcdResolverOptions,
    make: async (options) => (await import('../discovery/etcd/index.js')).etcdResolver(options),
  },
  file: {
    options: fileResolverOptions,
    make: fileResolver,
  },
  dns: {
    options: dnsResolverOptions,
    make: dnsResolver,
  },
};

/** Those made of others, whose readers need that of any resolver. */
function composed(resolver: Reader<unknown>, names: ReadonlySet<string>): Readonly<Record<string, Kind>> {
  const inner = required(resolver, 'the name of a resolver, alone or with its options');
  const sources = sourcesReader(inner, names);
  const rule = 'Each source has a `name` of its own';
  return {
    fallback: {
      options: fields<object>({ sources, ...fallbackSchema } as never, undefined, rule),
      make: async ({ sources: said, ...options }: SaidSources, make) => fallback(await sourcesOf(said, make), options),
    },
    merge: {
      options: fields<object>({ sources, ...mergeSchema } as never, undefined, rule),
      make: async ({ sources: said, ...options }: SaidSources, make) => merge(await sourcesOf(said, make), options),
    },
    snapshot: {
      options: fields<object>({ resolver: inner, ...snapshotSchema } as never),
      make: async ({ resolver: said, ...options }: SaidSnapshot, make) => withSnapshot(await make(said), options),
    },
  };
}

/** What a document may say of where endpoints come from, in a program with these resolvers. */
export class DocumentResolvers {
  readonly reader: Reader<unknown>;
  readonly #kinds: Record<string, Kind>;

  constructor(own: Readonly<Record<string, ResolverMaker>> = {}) {
    const programs = Object.entries(own).map(([name, make]): [string, Kind] => [name, { options: unchecked(), make }]);
    this.#kinds = { ...kinds };
    // Filled below: some of them hold resolvers themselves.
    const names: Record<string, Reader<unknown>> = {};
    this.reader = described({ shape: { type: 'named', names } }, (value, name) => {
      const [kind, options] = partsOf(value) ?? [];
      if (kind === undefined || !Object.hasOwn(names, kind)) {
        throw invalidOption(name, value, 'the name of a resolver, alone or with its options');
      }
      names[kind]!(options, `${name}.${kind}`);
      return value;
    });
    // One of the program's may call itself anything.
    const known = new Set([...Object.keys(kinds), 'fallback', 'merge'].filter((name) => !Object.hasOwn(own, name)));
    Object.assign(this.#kinds, composed(this.reader, known), Object.fromEntries(programs));
    for (const [name, { options }] of Object.entries(this.#kinds)) names[name] = options;
  }

  /** Throws, or rejects, what making it does. What is said twice is one resolver. */
  async make(said: SaidResolver): Promise<Resolver> {
    const made = new Map<string, Promise<Resolver>>();
    const inner: Inner = (each) => {
      const key = JSON.stringify(each);
      const resolver = made.get(key) ?? this.#make(each, inner);
      made.set(key, resolver);
      return resolver;
    };
    try {
      return await inner(said);
    } catch (thrown) {
      for (const each of await Promise.allSettled(made.values())) {
        if (each.status === 'fulfilled') each.value.close?.();
      }
      throw thrown;
    }
  }

  async #make(said: SaidResolver, inner: Inner): Promise<Resolver> {
    const [kind, options] = partsOf(said)!;
    return this.#kinds[kind]!.make(options as never, inner);
  }
}

function sourcesReader(inner: Reader<unknown>, known: ReadonlySet<string>): Reader<readonly SaidSource[]> {
  const source = fields<SaidSource>({ resolver: inner, ...sourceSchema } as never);
  return described({ shape: { type: 'list', items: source, min: 1 }, required: true }, (value, name) => {
    if (!Array.isArray(value) || value.length === 0)
      throw invalidOption(name, value, 'an array of at least one source');
    const taken = new Set<string>();
    return value.map((each: unknown, at) => {
      const read = source(each, `${name}[${at}]`);
      const own = read.name ?? nameOf(read.resolver, known);
      if (own !== undefined && taken.has(own)) {
        throw invalidOption(`${name}[${at}].name`, own, 'a name that no other source has');
      }
      if (own !== undefined) taken.add(own);
      return read;
    });
  });
}

/** The name that the resolver will have; undefined for one of the program's, until it is made. */
function nameOf(said: SaidResolver, known: ReadonlySet<string>): string | undefined {
  const [kind, options] = partsOf(said)!;
  if (kind === 'snapshot') return nameOf((options as SaidSnapshot).resolver, known);
  return known.has(kind) ? kind : undefined;
}

async function sourcesOf(said: readonly SaidSource[], make: Inner): Promise<readonly Source[]> {
  return Promise.all(said.map(async ({ resolver, ...source }) => ({ ...source, resolver: await make(resolver) })));
}

/** The name and the options; undefined where it is neither form. */
function partsOf(said: unknown): readonly [name: string, options: unknown] | undefined {
  if (typeof said === 'string') return [said, undefined];
  const entries = isRecord(said) ? Object.entries(said) : [];
  return entries.length === 1 ? entries[0] : undefined;
}
