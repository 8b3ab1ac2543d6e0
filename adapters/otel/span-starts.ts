import { type Attributes, SpanKind, type SpanOptions } from '@opentelemetry/api';
import type { CallAbout } from '../../src/adapter.js';
import type { Endpoint } from '../../src/index.js';

/** What a span begins with, which samplers look at: so also of those that nobody wants. */
export interface SpanStart {
  readonly name: string;
  readonly options: SpanOptions;
}

/** Methods may be named by callers: so many are kept, and the rest made each time. */
const MAX_KEPT = 2_000;
const MAX_KEPT_OF_ENDPOINT = 64;

/** Of the calls themselves, by service and method: made once. */
export class CallStarts {
  readonly #services = new Map<string, Map<string, SpanStart>>();
  #kept = 0;

  of(service: string, method: string): SpanStart {
    let methods = this.#services.get(service);
    const known = methods?.get(method);
    if (known !== undefined) return known;
    const attributes: Attributes = { 'rpc.system.name': 'grpc', 'rpc.method': method, 'server.address': service };
    const start = { name: `Sent.${method}`, options: { kind: SpanKind.INTERNAL, attributes } };
    if (this.#kept >= MAX_KEPT) return start;
    this.#kept++;
    if (methods === undefined) {
      methods = new Map();
      this.#services.set(service, methods);
    }
    methods.set(method, start);
    return start;
  }
}

/** Of the first attempts on one endpoint, as `spec` has it. */
interface FirstAttempts {
  readonly spec: Endpoint['spec'];
  readonly service: string;
  readonly grpc: Map<string | undefined, SpanStart>;
  readonly http: Map<string | undefined, SpanStart>;
  readonly call: Map<string | undefined, SpanStart>;
}

/** Of first attempts of calls that have no span of ours over them, by endpoint and method. */
export class FirstAttemptStarts {
  readonly #endpoints = new WeakMap<Endpoint, FirstAttempts>();

  of(about: CallAbout, endpoint: Endpoint): SpanStart {
    const { spec } = endpoint;
    let firsts = this.#endpoints.get(endpoint);
    if (firsts === undefined || firsts.spec !== spec || firsts.service !== about.service) {
      firsts = { spec, service: about.service, grpc: new Map(), http: new Map(), call: new Map() };
      this.#endpoints.set(endpoint, firsts);
    }
    const starts = firsts[about.system];
    let start = starts.get(about.method);
    if (start === undefined) {
      start = attemptStart(about, endpoint, 0, SpanKind.INTERNAL);
      if (starts.size < MAX_KEPT_OF_ENDPOINT) starts.set(about.method, start);
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
