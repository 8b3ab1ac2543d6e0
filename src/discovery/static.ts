import type { EndpointSpec } from '../endpoint/endpoint.js';
import { whenAborted } from '../runtime/abort-audience.js';
import { FairleadError } from '../runtime/errors.js';
import { invalidOption } from '../runtime/options.js';
import { readEndpoint, readEndpointLists } from './endpoint-input.js';
import type { EndpointInput, Resolver, ResolverSink, ServiceQuery } from './resolver.js';
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

class StaticLists implements StaticResolver {
  readonly name = 'static';
  readonly #lists = new Map<string, readonly EndpointSpec[]>();
  readonly #sinks = new Map<string, Set<ResolverSink>>();
  #version = 0;

  constructor(services: Readonly<Record<string, readonly EndpointInput[]>>) {
    for (const [service, list] of Object.entries(readEndpointLists(services, 'staticResolver')))
      this.#lists.set(service, list);
  }

  update(service: string, endpoints: readonly EndpointInput[]): void {
    const list = readList(service, endpoints);
    this.#lists.set(service, list);
    this.#version++;
    const version = String(this.#version);
    for (const sink of [...(this.#sinks.get(service) ?? [])]) tell(() => sink.snapshot(list, version));
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

  watch(query: ServiceQuery, sink: ResolverSink, signal: AbortSignal): void {
    if (signal.aborted) return;
    const sinks = this.#sinks.get(query.service) ?? new Set();
    this.#sinks.set(query.service, sinks.add(sink));
    whenAborted(signal, () => sinks.delete(sink));
    const list = this.#lists.get(query.service);
    if (list !== undefined) tell(() => sink.snapshot(list, String(this.#version)));
    else tell(() => sink.error(this.#unknown(query.service)));
  }
}

function readList(service: string, endpoints: readonly EndpointInput[]): readonly EndpointSpec[] {
  if (!Array.isArray(endpoints))
    throw invalidOption(`staticResolver.update('${service}')`, endpoints, 'an array of endpoints');
  return endpoints.map((endpoint, index) => readEndpoint(endpoint, `staticResolver.${service}[${index}]`));
}
