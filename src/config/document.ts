import type { PolicyRegistry } from '../balancing/registry.js';
import type { PolicySpec } from '../balancing/spec.js';
import { readEndpointLists } from '../discovery/endpoint-input.js';
import type { EndpointInput, Resolver } from '../discovery/resolver.js';
import { staticResolver } from '../discovery/static.js';
import {
  checkName,
  described,
  fields,
  invalidOption,
  isRecord,
  optional,
  type Reader,
  unchecked,
} from '../runtime/options.js';
import { type ServiceOptions, type ServiceSettings, serviceSchema } from '../service/options.js';

/** Makes a resolver from what a document says under its name, with its references resolved. */
export type ResolverMaker = (options: never) => Resolver | Promise<Resolver>;

/** A document as it is written. Its secrets are references: `${env:NAME}`. */
export interface ConfigDocument {
  /**
   * Where endpoints come from: the name of a resolver with its options,
   * `{ consul: { address: … } }` or `{ static: { users: ['127.0.0.1:5001'] } }`, or the name
   * alone, `dns`. Default: the program's.
   */
  readonly resolver?: string | { readonly [name: string]: unknown };
  /** Options for all services, where their own say nothing. */
  readonly defaults?: ServiceOptions;
  /**
   * Options by the name of the service. One that the document had and has no longer takes no more
   * calls.
   */
  readonly services?: { readonly [name: string]: ServiceOptions };
}

/** The resolvers that a document can name. Each is loaded where one does. */
const makers: Readonly<Record<string, ResolverMaker>> = {
  static: (lists: Readonly<Record<string, readonly EndpointInput[]>>) => staticResolver(lists),
  consul: async (options) => (await import('../discovery/consul/index.js')).consulResolver(options),
  etcd: async (options) => (await import('../discovery/etcd/index.js')).etcdResolver(options),
  file: async (options) => (await import('../discovery/sources/index.js')).fileResolver(options),
  dns: async (options) => (await import('../discovery/dns/index.js')).dnsResolver(options),
};

/** The readers of a document, for a mesh with these policies and a program with these resolvers. */
export class DocumentReaders {
  readonly document: Reader<object>;
  readonly #makers: Readonly<Record<string, ResolverMaker>>;

  constructor(policies: PolicyRegistry, own: Readonly<Record<string, ResolverMaker>> = {}) {
    this.#makers = { ...makers, ...own };
    const service = fields<ServiceSettings>({ ...serviceSchema, policy: policyReader(policies) } as never);
    this.document = fields<object>({
      resolver: optional(this.#resolverReader()),
      defaults: optional(service),
      services: optional(servicesReader(service)),
    } as never);
  }

  /** What the document says of the resolver, made. Throws, or rejects, what making it does. */
  async makeResolver(said: ConfigDocument['resolver']): Promise<Resolver | undefined> {
    const [name, options] = typeof said === 'string' ? [said] : (Object.entries(said ?? {})[0] ?? []);
    return name === undefined ? undefined : this.#makers[name]!(options as never);
  }

  #resolverReader(): Reader<unknown> {
    // All but `static` read their options themselves when they are made, before anything changes.
    const readers = Object.keys(this.#makers).map((name): [string, Reader<unknown>] => [
      name,
      name === 'static' ? readEndpointLists : unchecked(),
    ]);
    return described({ shape: { type: 'named', names: Object.fromEntries(readers) } }, (value, name) => {
      const given = isRecord(value) ? Object.keys(value) : [value];
      if (given.length === 1 && Object.hasOwn(this.#makers, given[0] as string)) return value;
      throw invalidOption(name, value, 'the name of a resolver, alone or with its options');
    });
  }
}

/** The policies of a registry, by name. */
function policyReader(policies: PolicyRegistry): Reader<PolicySpec> {
  const names = Object.fromEntries(
    policies.factories.map(({ policyName, options }): [string, Reader<unknown>] => [
      policyName,
      options ?? unchecked(),
    ]),
  );
  return described({ shape: { type: 'named', names }, fallback: 'least_request' }, (value, name) => {
    if (value !== undefined) policies.resolve(value as PolicySpec, name);
    return value as PolicySpec;
  });
}

function servicesReader(service: Reader<ServiceSettings>): Reader<unknown> {
  return described({ shape: { type: 'map', values: service } }, (value, name) => {
    if (!isRecord(value)) throw invalidOption(name, value, 'an object of options by the name of the service');
    for (const each of Object.keys(value)) checkName(each, `${name} name`);
    return value;
  });
}
