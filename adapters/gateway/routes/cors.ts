import type { IncomingMessage } from 'node:http';
import type { RouteSettings } from '../../../src/adapter.js';

type CorsSettings = NonNullable<RouteSettings['cors']>;

/** The method that a preflight asks for; undefined for what is none. WHATWG Fetch, 4.8. */
export function preflightFor({ method, headers }: IncomingMessage): string | undefined {
  if (method !== 'OPTIONS' || headers.origin === undefined) return undefined;
  return headers['access-control-request-method'];
}

/** What the route's own word replaces in a service's response; in lower case. */
export const CORS_HEADERS: ReadonlySet<string> = new Set([
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-expose-headers',
  'access-control-allow-methods',
  'access-control-allow-headers',
  'access-control-max-age',
]);

/** For every response: names and values in turn. */
export function corsHeaders(cors: CorsSettings, origin: string | undefined): string[] {
  const all = cors.origins.includes('*');
  // Caches must know that the answer is another for another origin.
  const headers = all ? [] : ['vary', 'Origin'];
  if (origin === undefined || !(all || cors.origins.includes(origin))) return headers;
  headers.push('access-control-allow-origin', all ? '*' : origin);
  if (cors.credentials) headers.push('access-control-allow-credentials', 'true');
  if (cors.expose !== undefined) headers.push('access-control-expose-headers', cors.expose.join(', '));
  return headers;
}

/** Beside those of every response, for the answer to a preflight. */
export function preflightHeaders(cors: CorsSettings, { headers }: IncomingMessage): string[] {
  const asked = headers['access-control-request-headers'];
  const allowed = cors.headers?.join(', ') ?? asked;
  return [
    'access-control-allow-methods',
    cors.methods.join(', '),
    ...(allowed === undefined ? [] : ['access-control-allow-headers', allowed]),
    'access-control-max-age',
    String(cors.maxAgeS),
  ];
}
