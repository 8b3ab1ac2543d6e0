import {
  type Attributes,
  type Context,
  context,
  type Tracer as OtelTracer,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type {
  BatchAbout,
  CallAbout,
  HeaderSetter,
  OutcomeName,
  TracedAttempt,
  TracedCall,
  Tracer,
} from '../../src/adapter.js';
import type { Endpoint } from '../../src/index.js';
import { injectFrom } from './inject.js';
import { attemptStart, CallStarts, FirstAttemptStarts, type SpanStart } from './span-starts.js';
import { Unsampled } from './unsampled.js';

/**
 * Spans of attempts, in the words of OpenTelemetry's stable conventions and gRFC A72. The sampler
 * is asked once a call, where it does not want it: over gRPC for the call, elsewhere for its first
 * attempt.
 */
export class SpanTracer implements Tracer {
  readonly #otel: OtelTracer;
  readonly #calls = new CallStarts();
  readonly #firsts = new FirstAttemptStarts();

  constructor(otel: OtelTracer) {
    this.#otel = otel;
  }

  call(about: CallAbout): TracedCall {
    const active = context.active();
    const { system, spanned } = about;
    if (system !== 'grpc' || spanned === true) return new SpannedCall(this.#otel, about, active, this.#firsts);
    const { name, options } = this.#calls.of(about);
    const own = this.#otel.startSpan(name, options, active);
    if (!own.isRecording()) return new Unsampled(active, own);
    return new SpannedCall(this.#otel, about, trace.setSpan(active, own), this.#firsts, own);
  }

  inject<C>(carrier: C, setter: HeaderSetter<C>): void {
    injectFrom(context.active(), carrier, setter);
  }

  batch<T>({ system, service, operation, size }: BatchAbout, run: () => T): { sent: T; end(error?: unknown): void } {
    const name = operation.toUpperCase();
    const attributes: Attributes = {
      'db.system.name': system,
      'db.operation.name': name,
      'db.operation.batch.size': size,
      'server.address': service,
    };
    const active = context.active();
    const span = this.#otel.startSpan(name, { kind: SpanKind.INTERNAL, attributes }, active);
    if (!span.isRecording()) return { sent: new Unsampled(active, span).run(run), end: untold };
    const sent = context.with(trace.setSpan(active, span), run);
    return {
      sent,
      end: (error) => {
        if (error !== undefined) fail(span, (error as { code?: string } | null)?.code ?? 'error');
        span.end();
      },
    };
  }
}

const untold = (): void => {};

function fail(span: Span, type: string): void {
  span.setAttribute('error.type', type);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

class SpannedCall implements TracedCall {
  readonly #otel: OtelTracer;
  readonly #about: CallAbout;
  readonly #parent: Context;
  readonly #firsts: FirstAttemptStarts;
  /** Of the call itself, where nothing else makes one: gRPC's. */
  readonly #own: Span | undefined;
  #attempts = 0;
  #open = 0;
  #last: SpanContext | undefined;
  #waited = false;
  #ended = false;

  constructor(otel: OtelTracer, about: CallAbout, parent: Context, firsts: FirstAttemptStarts, own?: Span) {
    this.#otel = otel;
    this.#about = about;
    this.#parent = parent;
    this.#firsts = firsts;
    this.#own = own;
  }

  waited(): void {
    this.#waited = true;
  }

  attempt(endpoint: Endpoint): TracedAttempt {
    const hedge = this.#open > 0;
    const { name, options } = this.#start(endpoint, hedge);
    this.#attempts++;
    const span = this.#otel.startSpan(name, options, this.#parent);
    if (!span.isRecording()) return new Unsampled(this.#parent, span);
    this.#open++;
    if (this.#waited) span.addEvent('Delayed LB pick complete');
    if (hedge) (this.#own ?? trace.getSpan(this.#parent))?.addEvent('fairlead.hedge', { endpoint: endpoint.spec.id });
    this.#waited = false;
    this.#last = span.spanContext();
    return new SpannedAttempt(span, trace.setSpan(this.#parent, span), this.#about.system, () => this.#open--);
  }

  #start(endpoint: Endpoint, hedge: boolean): SpanStart {
    if (this.#own === undefined && this.#attempts === 0) return this.#firsts.of(this.#about, endpoint);
    const kind = this.#own === undefined ? SpanKind.INTERNAL : SpanKind.CLIENT;
    const { name, options } = attemptStart(this.#about, endpoint, this.#attempts, kind);
    if (hedge) options.attributes['fairlead.hedge'] = true;
    return this.#last === undefined
      ? { name, options }
      : { name, options: { ...options, links: [{ context: this.#last }] } };
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

  inject<C>(carrier: C, setter: HeaderSetter<C>): void {
    injectFrom(this.#context, carrier, setter);
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
