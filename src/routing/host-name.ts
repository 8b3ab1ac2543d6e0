import { domainToASCII } from 'node:url';

const PLAIN = /^[a-z0-9._-]+$/;

/**
 * A host in the form in which routes compare it: lower case, without port and final dot, names of
 * other alphabets as A-labels (RFC 5890). An empty text where it is none.
 */
export function normalHost(host: string): string {
  if (PLAIN.test(host)) return host.endsWith('.') ? host.slice(0, -1) : host;
  const bracket = host.startsWith('[') ? host.indexOf(']') : -1;
  if (bracket !== -1) return host.slice(0, bracket + 1).toLowerCase();
  const name = host.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase();
  return PLAIN.test(name) ? name : domainToASCII(name);
}
