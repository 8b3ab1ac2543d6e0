import { channel } from 'node:diagnostics_channel';
import type { Dispatcher } from 'undici';
import type { CallAbout, Tracer } from '../../src/adapter.js';
import type { Service } from '../../src/index.js';
import { withHeader } from './headers.js';

export function aboutOf({ name }: Service, { method }: Dispatcher.DispatchOptions): CallAbout {
  return { system: 'http', service: name, method };
}

/** Instrumentations of undici make a span of each request there, and tell the server of it. */
const instrumented = channel('undici:request:create');

/** With headers that say whose part it is, unless an instrumentation adds its own. */
export function withTrace(tracer: Tracer, options: Dispatcher.DispatchOptions): Dispatcher.DispatchOptions {
  if (instrumented.hasSubscribers) return options;
  let { headers } = options;
  tracer.inject((name, value) => {
    headers = withHeader(headers, [name, value]) as never;
  });
  return { ...options, headers: headers ?? null };
}
