import { type HeaderSetter, routeOf, tracerOf } from '../../src/adapter.js';
import type { AcquireRequest, RoutingKey, Service } from '../../src/index.js';
import type { HeaderInput } from './routing-key.js';

/** What a routed call goes by, and the headers that it sends. */
export interface RoutedHeaders {
  readonly labels: AcquireRequest['labels'];
  readonly header: HeaderInput | undefined;
}

/** Adds what the call has to carry on, where the service's calls are routed. */
export function routedHeaders(
  service: Service,
  key: RoutingKey | undefined,
  header: HeaderInput | undefined,
): RoutedHeaders {
  let read: Headers | undefined;
  const headers = (): Headers => {
    read ??= new Headers(header);
    return read;
  };
  const labels = (name: string): string | undefined => headers().get(name) ?? undefined;
  const route = routeOf(service, key, labels);
  if (route === undefined) return { labels: undefined, header };
  if (route.carried !== undefined) headers().set(...route.carried);
  return { labels, header: read ?? header };
}

const HEADERS: HeaderSetter<Headers> = { set: (headers, name, value) => headers.set(name, value) };

/** What one attempt sends: with what says whose part it is, where the service is traced. */
export function attemptHeaders(service: Service, header: HeaderInput | undefined): HeaderInput | undefined {
  const tracer = tracerOf(service);
  if (tracer === undefined) return header;
  const headers = new Headers(header);
  tracer.inject(headers, HEADERS);
  return headers;
}
