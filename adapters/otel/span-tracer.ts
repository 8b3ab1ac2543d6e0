import {
  type Attributes,
  type Context,
  context,
  type Tracer as OtelTracer,
  propagation,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type {
  BatchAbout,
  CallAbout,
  OutcomeName,
  SetHeader,
  TracedAttempt,
  TracedCall,
  Tracer,
} from '../../src/adapter.js';
import type { Endpoint } from '../../src/index.js';

/** Spans of attempts, in the words of OpenTelemetry's stable conventions and gRFC A72. */
export class SpanTracer implements Tracer {
  readonly #otel: OtelTracer;

  constructor(otel: OtelTracer) {
    this.#otel = otel;
  }

  call(about: CallAbout): TracedCall {
    return new SpannedCall(this.#otel, about);
  }

  inject(set: SetHeader): void {
    injectFrom(context.active(), set);
  }

  batch<T>({ system, service, operation, size }: BatchAbout, run: () => T): { sent: T; end(error?: unknown): void } {
    const name = operation.toUpperCase();
    const attributes: Attributes = {
      'db.system.name': system,
      'db.operation.name': name,
      'db.operation.batch.size': size,
      'server.address': service,
    };
    const span = this.#otel.startSpan(name, { kind: SpanKind.INTERNAL, attributes });
    const sent = context.with(trace.setSpan(context.active(), span), run);
    return {
      sent,
      end: (error) => {
        if (error !== undefined) fail(span, (error as { code?: string } | null)?.code ?? 'error');
        span.end();
      },
    };
  }
}

function injectFrom(from: Context, set: SetHeader): void {
  propagation.inject(from, undefined, { set: (_, name, value) => set(name, value) });
}

function fail(span: Span, type: string): void {
  span.setAttribute('error.type', type);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

/** What is the same for all attempts on an endpoint. */
const peers = new WeakMap<Endpoint, Attributes>();

function peerOf(endpoint: Endpoint): Attributes {
  let peer = peers.get(endpoint);
  const { host, port } = endpoint.spec;
  if (peer === undefined || peer['network.peer.address'] !== host || peer['network.peer.port'] !== port) {
    peer = { 'network.peer.address': host, 'network.peer.port': port };
    peers.set(endpoint, peer);
  }
  return peer;
}

class SpannedCall implements TracedCall {
  readonly #otel: OtelTracer;
  readonly #about: CallAbout;
  /** Of the call itself, where nothing else makes one: gRPC's. */
  readonly #own: Span | undefined;
  readonly #parent: Context;
  #attempts = 0;
  #open = 0;
  #last: SpanContext | undefined;
  #waited = false;
  #ended = false;

  constructor(otel: OtelTracer, about: CallAbout) {
    this.#otel = otel;
    this.#about = about;
    const active = context.active();
    const { system, service, method = '', spanned } = about;
    if (system === 'grpc' && spanned !== true) {
      const attributes = { 'rpc.system.name': system, 'rpc.method': method, 'server.address': service };
      this.#own = otel.startSpan(`Sent.${method}`, { kind: SpanKind.INTERNAL, attributes }, active);
      this.#parent = trace.setSpan(active, this.#own);
    } else {
      this.#own = undefined;
      this.#parent = active;
    }
  }

  waited(): void {
    this.#waited = true;
  }

  attempt(endpoint: Endpoint): TracedAttempt {
    const number = this.#attempts++;
    const hedge = this.#open > 0;
    this.#open++;
    const { system, service, method } = this.#about;
    const attributes: Attributes = {
      'server.address': service,
      ...peerOf(endpoint),
      'fairlead.endpoint': endpoint.spec.id,
    };
    if (system === 'grpc') {
      attributes['rpc.system.name'] = system;
      attributes['rpc.method'] = method;
      attributes['previous-rpc-attempts'] = number;
      attributes['transparent-retry'] = false;
    } else if (system === 'http') attributes['http.request.method'] = method;
    if (number > 0 && system !== 'grpc') attributes['http.request.resend_count'] = number;
    if (hedge) attributes['fairlead.hedge'] = true;
    const name = system === 'grpc' ? `Attempt.${method}` : `${service} attempt`;
    const kind = this.#own === undefined ? SpanKind.INTERNAL : SpanKind.CLIENT;
    const links = this.#last === undefined ? [] : [{ context: this.#last }];
    const span = this.#otel.startSpan(name, { kind, attributes, links }, this.#parent);
    if (this.#waited) span.addEvent('Delayed LB pick complete');
    if (hedge) (this.#own ?? trace.getSpan(this.#parent))?.addEvent('fairlead.hedge', { endpoint: endpoint.spec.id });
    this.#waited = false;
    this.#last = span.spanContext();
    return new SpannedAttempt(span, trace.setSpan(this.#parent, span), system, () => this.#open--);
  }

  end(status: string): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#own === undefined) return;
    this.#own.setAttribute('rpc.status_code', status);
    if (status !== 'OK') fail(this.#own, status);
    this.#own.end();
  }
}

class SpannedAttempt implements TracedAttempt {
  readonly #span: Span;
  readonly #context: Context;
  readonly #system: CallAbout['system'];
  #over: (() => void) | undefined;

  constructor(span: Span, within: Context, system: CallAbout['system'], over: () => void) {
    this.#span = span;
    this.#context = within;
    this.#system = system;
    this.#over = over;
  }

  run<T>(send: () => T): T {
    return context.with(this.#context, send);
  }

  inject(set: SetHeader): void {
    injectFrom(this.#context, set);
  }

  end(outcome: OutcomeName, status?: string | number): void {
    const over = this.#over;
    if (over === undefined) return;
    this.#over = undefined;
    over();
    const span = this.#span;
    if (this.#system === 'grpc' && status !== undefined) span.setAttribute('rpc.status_code', status);
    if (this.#system === 'http' && status !== undefined) span.setAttribute('http.response.status_code', status);
    if (outcome !== 'success') fail(span, this.#system === 'grpc' && status !== undefined ? String(status) : outcome);
    span.end();
  }
}
