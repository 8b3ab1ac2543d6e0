import type { Endpoint } from '../endpoint/endpoint.js';
import type { OutcomeName } from '../runtime/outcome.js';

/**
 * Adds a header, which tells the server whose part its work is, to what carries it. One for all
 * calls, so that none has to make a closure.
 */
export interface HeaderSetter<C> {
  set(carrier: C, name: string, value: string): void;
}

/** One attempt, as it is traced. */
export interface TracedAttempt {
  /** Runs what sends it, in its context. */
  run<T>(send: () => T): T;
  inject<C>(carrier: C, setter: HeaderSetter<C>): void;
  /** Idempotent: the first counts. `status` is that of its protocol, where it has one. */
  end(outcome: OutcomeName, status?: string | number): void;
}

/** One call: what its attempts are children of, and linked by. */
export interface TracedCall {
  /** One that begins while another is in progress is a hedge. */
  attempt(endpoint: Endpoint): TracedAttempt;
  /** It had to wait for an endpoint, or a connection; the next attempt says so. */
  waited(): void;
  /** Idempotent. */
  end(status: string): void;
}

export interface CallAbout {
  readonly system: 'grpc' | 'http' | 'call';
  readonly service: string;
  /** `package.Service/Method`, or that of HTTP. */
  readonly method?: string | undefined;
  /** Another instrumentation has made a span of the call, which is the active one. */
  readonly spanned?: boolean;
}

/** Contract: makes spans of the calls of some services. Set by `fairlead/otel`. Must not throw. */
export interface Tracer {
  call(about: CallAbout): TracedCall;
  /** What is active now, for the server. */
  inject<C>(carrier: C, setter: HeaderSetter<C>): void;
  /** One command that several servers have a part in: `run` sends them. */
  batch<T>(about: BatchAbout, run: () => T): { readonly sent: T; end(error?: unknown): void };
}

export interface BatchAbout {
  readonly system: 'redis';
  readonly service: string;
  readonly operation: string;
  /** How many commands it is sent as. */
  readonly size: number;
}

const tracers = new Map<string, { readonly service: object; readonly tracer: Tracer }[]>();

/** Traces a service from now on, until the returned function is called. The first one counts. */
export function traceService(service: { readonly name: string }, tracer: Tracer): () => void {
  const entry = { service, tracer };
  const { name } = service;
  tracers.set(name, [...(tracers.get(name) ?? []), entry]);
  return () => {
    const left = (tracers.get(name) ?? []).filter((each) => each !== entry);
    if (left.length > 0) tracers.set(name, left);
    else tracers.delete(name);
  };
}

/** Undefined where a service is not traced: one comparison while none is. */
export function tracerOf(service: { readonly name: string }): Tracer | undefined {
  if (tracers.size === 0) return undefined;
  return tracers.get(service.name)?.find((each) => each.service === service)?.tracer;
}
