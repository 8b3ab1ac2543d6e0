import { type Context, context, isSpanContextValid, type Span, TraceFlags, trace } from '@opentelemetry/api';
import type { HeaderSetter, TracedAttempt, TracedCall } from '../../src/adapter.js';
import { injectFrom } from './inject.js';

/** What the API keeps a context's span under; it is in none of its types. */
const SPAN = spanKey();

function spanKey(): symbol | undefined {
  let found: symbol | undefined;
  const asked: Context = {
    getValue: () => undefined,
    setValue: (key) => {
      found = key;
      return asked;
    },
    deleteValue: () => asked,
  };
  trace.setSpan(asked, trace.wrapSpanContext({ traceId: '', spanId: '', traceFlags: TraceFlags.NONE }));
  return found;
}

/**
 * A call, or an attempt, whose span the sampler does not want: there are no spans below it, and
 * nothing is noted. What is left is what servers are told, a `traceparent` that says "not sampled";
 * so this is the context of that span as well. One object of 32 bytes, where a context of the API's
 * own is two maps and three closures.
 */
export class Unsampled implements TracedCall, TracedAttempt, Context {
  readonly #parent: Context;
  readonly #span: Span;

  constructor(parent: Context, span: Span) {
    this.#parent = parent;
    this.#span = span;
  }

  attempt(): this {
    return this;
  }

  run<T>(send: () => T): T {
    const above = trace.getSpanContext(this.#parent);
    // What is made below would not be sampled either.
    const said = above !== undefined && isSpanContextValid(above) && (above.traceFlags & TraceFlags.SAMPLED) === 0;
    return said ? send() : context.with(this, send);
  }

  inject<C>(carrier: C, setter: HeaderSetter<C>): void {
    injectFrom(this, carrier, setter);
  }

  waited(): void {}

  end(): void {}

  getValue(key: symbol): unknown {
    return key === SPAN ? this.#span : this.#parent.getValue(key);
  }

  setValue(key: symbol, value: unknown): Context {
    return trace.setSpan(this.#parent, this.#span).setValue(key, value);
  }

  deleteValue(key: symbol): Context {
    return trace.setSpan(this.#parent, this.#span).deleteValue(key);
  }
}
