import { type Attributes, SpanKind, type SpanOptions } from '@opentelemetry/api';
import type { CallAbout } from '../../src/adapter.js';
import type { Endpoint } from '../../src/index.js';

/** What a span begins with, which samplers look at: so also of those that nobody wants. */
export interface SpanStart {
  readonly name: string;
  readonly options: SpanOptions;
}

/**
 * Of the calls themselves: made once for all that are alike, whose `CallAbout` is one object.
 */
export class CallStarts {
  readonly #starts = new WeakMap<CallAbout, SpanStart>();

  of(about: CallAbout): SpanStart {
    let start = this.#starts.get(about);
    if (start === undefined) {
      const { service, method = '' } = about;
      const attributes: Attributes = { 'rpc.system.name': 'grpc', 'rpc.method': method, 'server.address': service };
      start = { name: `Sent.${method}`, options: { kind: SpanKind.INTERNAL, attributes } };
      this.#starts.set(about, start);
    }
    return start;
  }
}

/** Of the first attempts on one endpoint, as `spec` has it. */
interface FirstAttempts {
  readonly spec: Endpoint['spec'];
  readonly starts: WeakMap<CallAbout, SpanStart>;
}

/** Of first attempts of calls that have no span of ours over them. */
export class FirstAttemptStarts {
  readonly #endpoints = new WeakMap<Endpoint, FirstAttempts>();

  of(about: CallAbout, endpoint: Endpoint): SpanStart {
    const { spec } = endpoint;
    let firsts = this.#endpoints.get(endpoint);
    if (firsts?.spec !== spec) {
      firsts = { spec, starts: new WeakMap() };
      this.#endpoints.set(endpoint, firsts);
    }
    let start = firsts.starts.get(about);
    if (start === undefined) {
      start = attemptStart(about, endpoint, 0, SpanKind.INTERNAL);
      firsts.starts.set(about, start);
    }
    return start;
  }
}

/** Of the attempt with this number, from 0. */
export function attemptStart(
  { system, service, method }: CallAbout,
  { spec: { id, host, port } }: Endpoint,
  number: number,
  kind: SpanKind,
): SpanStart & { readonly options: { readonly attributes: Attributes } } {
  const attributes: Attributes = {
    'server.address': service,
    'network.peer.address': host,
    'network.peer.port': port,
    'fairlead.endpoint': id,
  };
  if (system === 'grpc') {
    attributes['rpc.system.name'] = system;
    attributes['rpc.method'] = method;
    attributes['previous-rpc-attempts'] = number;
    attributes['transparent-retry'] = false;
  } else {
    if (system === 'http') attributes['http.request.method'] = method;
    if (number > 0) attributes['http.request.resend_count'] = number;
  }
  return { name: system === 'grpc' ? `Attempt.${method}` : `${service} attempt`, options: { kind, attributes } };
}
