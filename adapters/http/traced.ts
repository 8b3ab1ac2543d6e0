import { channel } from 'node:diagnostics_channel';
import type { Dispatcher } from 'undici';
import type { HeaderSetter, Tracer } from '../../src/adapter.js';
import { withHeader, withoutHeaders } from './headers.js';

/** Instrumentations of undici make a span of each request there, and tell the server of it. */
const instrumented = channel('undici:request:create');

interface Carrier {
  headers: Dispatcher.DispatchOptions['headers'];
}

const HEADERS: HeaderSetter<Carrier> = {
  set: (carrier, name, value) => {
    // In place of what was forwarded: of two a server believes neither (W3C Trace Context, 3.2.1).
    const others = withoutHeaders(carrier.headers, (each) => each === name.toLowerCase());
    carrier.headers = withHeader(others, [name, value]);
  },
};

/** With headers that say whose part it is, unless an instrumentation adds its own. */
export function withTrace(tracer: Tracer, options: Dispatcher.DispatchOptions): Dispatcher.DispatchOptions {
  if (instrumented.hasSubscribers) return options;
  const traced = { ...options, headers: options.headers ?? null };
  tracer.inject(traced, HEADERS);
  return traced;
}
