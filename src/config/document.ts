import type { PolicyRegistry } from '../balancing/registry.js';
import type { PolicySpec } from '../balancing/spec.js';
import type { Resolver } from '../discovery/resolver.js';
import { type AlertOptions, readAlerts } from '../monitor/monitor-options.js';
import { type ConfiguredRouting, readConfiguredRouting } from '../routing/configured.js';
import { routesReader } from '../routing/read-routes.js';
import type { Route } from '../routing/route.js';
import {
  checkName,
  described,
  fields,
  invalidOption,
  isRecord,
  optional,
  type Reader,
  required,
  unchecked,
} from '../runtime/options.js';
import { type ServiceOptions, type ServiceSettings, serviceSchema } from '../service/options.js';
import { DocumentResolvers, type ResolverMaker, type SaidResolver } from './resolvers.js';

/** A document as it is written. Its secrets are references: `${env:NAME}`. */
export interface ConfigDocument {
  /**
   * Where endpoints come from: the name of a resolver with its options,
   * `{ consul: { address: … } }` or `{ static: { users: ['127.0.0.1:5001'] } }`, or the name
   * alone, `consul`. Default: the program's.
   */
  readonly resolver?: SaidResolver;
  /** Options for all services, where their own say nothing. */
  readonly defaults?: ServiceOptions;
  /**
   * Options by the name of the service. One that the document had and has no longer takes no more
   * calls, unless `routing` or a route of `gateway` still names it.
   */
  readonly services?: { readonly [name: string]: ServiceOptions };
  /** How calls are routed, by the name of the service: splits, canaries, lanes, shadows. */
  readonly routing?: { readonly [name: string]: ConfiguredRouting };
  /** For the gateways of the process that follow the document; others pass over it. */
  readonly gateway?: ConfiguredGateway;
  /** From where on alerts are raised, for monitors that follow the document. */
  readonly alerts?: AlertOptions;
}

/** What a document says of gateways. */
export interface ConfiguredGateway {
  /** What becomes of which request, in place of the program's routes. */
  readonly routes: readonly Route[];
}

/** The readers of a document, for a mesh with these policies and a program with these resolvers. */
export class DocumentReaders {
  readonly document: Reader<object>;
  readonly #resolvers: DocumentResolvers;

  constructor(policies: PolicyRegistry, own?: Readonly<Record<string, ResolverMaker>>) {
    this.#resolvers = new DocumentResolvers(own);
    const policy = policyReader(policies);
    const service = fields<ServiceSettings>({ ...serviceSchema, policy } as never);
    this.document = fields<object>({
      resolver: optional(this.#resolvers.reader),
      defaults: optional(service),
      services: optional(byService(service, 'an object of options by the name of the service')),
      routing: optional(byService(readConfiguredRouting, 'an object of routing by the name of the service')),
      alerts: optional(readAlerts),
      gateway: optional(fields<object>({ routes: required(routesReader(policy), 'an array of routes') } as never)),
    } as never);
  }

  /** What the document says of the resolver, made. Throws, or rejects, what making it does. */
  async makeResolver(said: ConfigDocument['resolver']): Promise<Resolver | undefined> {
    return said === undefined ? undefined : this.#resolvers.make(said);
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

function byService<T>(reader: Reader<T>, allowed: string): Reader<unknown> {
  return described({ shape: { type: 'map', values: reader } }, (value, name) => {
    if (!isRecord(value)) throw invalidOption(name, value, allowed);
    for (const each of Object.keys(value)) checkName(each, `${name} name`);
    return value;
  });
}
