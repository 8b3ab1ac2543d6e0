import { invalidOption } from '../runtime/options.js';
import type { EndpointSpec } from './endpoint.js';

/**
 * By what name servers are called. A string is one name for all. Where each has a certificate of
 * its own: the key of an endpoint's meta under which its name is, or a function of the endpoint;
 * one for which they say nothing has the name that all have.
 */
export type Authority = string | { readonly meta: string } | ((endpoint: EndpointSpec) => string | undefined);

/** A host with or without a port: more would be part of a URL, or of another header. */
const NAME = /^[\p{L}\p{N}._~-]+(:\d{1,5})?$/u;

export function readAuthority(value: unknown, name: string): Authority | undefined {
  if (value === undefined || typeof value === 'function') return value as Authority | undefined;
  if (typeof value === 'string' && value !== '') return value;
  if (typeof value === 'object' && value !== null) {
    const { meta, ...rest } = value as Record<string, unknown>;
    if (typeof meta === 'string' && meta !== '' && Object.keys(rest).length === 0) return { meta };
  }
  throw invalidOption(name, value, 'a name, { meta: the key of an endpoint’s meta }, or a function of the endpoint');
}

/** The name that an endpoint alone has; undefined where it has that of all. */
export function ownName(authority: Authority | undefined, endpoint: EndpointSpec): string | undefined {
  if (authority === undefined || typeof authority === 'string') return undefined;
  let said: unknown;
  try {
    said = typeof authority === 'function' ? authority(endpoint) : endpoint.meta[authority.meta];
  } catch {
    // A function that fails says nothing: the certificate decides.
  }
  return typeof said === 'string' && NAME.test(said) ? said : undefined;
}
