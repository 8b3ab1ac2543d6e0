import type { EndpointSpec } from '../endpoint/endpoint.js';
import { FairleadError } from '../runtime/errors.js';
import { invalidOption } from '../runtime/options.js';
import { DirectResolver } from './direct-resolver.js';
import { readEndpoint, readEndpointLists } from './endpoint-input.js';
import type { EndpointInput, Resolver, ResolverSink } from './resolver.js';
import { tell } from './tell.js';

/** A resolver whose lists come from the program. */
export interface StaticResolver extends Resolver {
  /**
   * Replaces the endpoints of one service, at once, for all its watchers. An empty list is
   * believed. Throws FAIRLEAD_INVALID_OPTION and changes nothing when one of them is not right.
   */
  update(service: string, endpoints: readonly EndpointInput[]): void;
}

/**
 * Endpoints written down: for programs without a registry, for tests, for what changes by other
 * means.
 *
 * ```ts
 * const resolver = staticResolver({ users: ['127.0.0.1:5001', { host: '127.0.0.1', port: 5002, weight: 3 }] });
 * resolver.update('users', ['127.0.0.1:5003']);
 * ```
 */
export function staticResolver(services: Readonly<Record<string, readonly EndpointInput[]>> = {}): StaticResolver {
  return new StaticLists(services);
}

const NO_SINKS: readonly ResolverSink[] = [];

class StaticLists extends DirectResolver implements StaticResolver {
  readonly name = 'static';
  readonly #lists = new Map<string, readonly EndpointSpec[]>();
  readonly #sinks = new Map<string, readonly ResolverSink[]>();
  #version = 0;

  constructor(services: Readonly<Record<string, readonly EndpointInput[]>>) {
    super();
    for (const [service, list] of Object.entries(readEndpointLists(services, 'staticResolver')))
      this.#lists.set(service, list);
  }

  update(service: string, endpoints: readonly EndpointInput[]): void {
    const list = readList(service, endpoints);
    this.#lists.set(service, list);
    this.#version++;
    const version = String(this.#version);
    for (const sink of this.#sinks.get(service) ?? []) tell(() => sink.snapshot(list, version));
  }

  /**
   * A list may still come by `update`, but a misspelt name is more likely: the caller that asks
   * for an endpoint should know.
   */
  #unknown(service: string): FairleadError {
    const known = [...this.#lists.keys()].map((name) => `'${name}'`).join(', ');
    const message = `staticResolver has no list for '${service}', only for ${known || 'no service at all'}`;
    return new FairleadError('FAIRLEAD_UNLISTED', message, { service });
  }

  join(service: string, sink: ResolverSink): void {
    // Not by spreading, which leaves room for 16 more.
    this.#sinks.set(service, (this.#sinks.get(service) ?? NO_SINKS).concat([sink]));
    const list = this.#lists.get(service);
    if (list !== undefined) tell(() => sink.snapshot(list, String(this.#version)));
    else tell(() => sink.error(this.#unknown(service)));
  }

  leave(service: string, sink: ResolverSink): void {
    const left = this.#sinks.get(service)?.filter((each) => each !== sink) ?? [];
    if (left.length > 0) this.#sinks.set(service, left);
    else this.#sinks.delete(service);
  }
}

function readList(service: string, endpoints: readonly EndpointInput[]): readonly EndpointSpec[] {
  if (!Array.isArray(endpoints))
    throw invalidOption(`staticResolver.update('${service}')`, endpoints, 'an array of endpoints');
  return endpoints.map((endpoint, index) => readEndpoint(endpoint, `staticResolver.${service}[${index}]`));
}
