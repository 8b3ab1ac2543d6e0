import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

/** Why a request is refused. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** Thrown to the one who answers. */
export class Refused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

/** What the guards look at. */
export interface GuardedRequest {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly query: URLSearchParams;
  readonly remoteAddress: string | undefined;
}

export interface GuardSettings {
  readonly token: string | undefined;
  readonly hosts: readonly string[];
}

/** Names of what may be a token in an address: those end in logs and histories. */
const TOKEN_NAMES = ['token', 'access_token', 'authorization', 'auth'];

/**
 * Who may ask, in this order:
 *
 * 1. **Host**: an address, `localhost`, or a name of `hosts`. Another name may be an attacker's,
 *    which a browser was told to find at our address (DNS rebinding).
 * 2. **No token in the address.**
 * 3. **Site**: a browser says where a request comes from (`Sec-Fetch-Site`, `Origin`), and a page
 *    of another origin is refused, so that no form or script there acts with what this one may
 *    (https://www.w3.org/TR/fetch-metadata/).
 * 4. **Token**: for every change; for reading, where the request or its Host is not this machine's.
 */
export class Guard {
  readonly #settings: GuardSettings;

  constructor(settings: GuardSettings) {
    this.#settings = settings;
  }

  /** For the page itself, which holds no data: undefined where it may be sent. */
  refusePage(request: GuardedRequest): Refusal | undefined {
    return this.#refuseHost(request) ?? refuseQuery(request);
  }

  refuseRead(request: GuardedRequest): Refusal | undefined {
    const refusal = this.refusePage(request) ?? refuseSite(request);
    if (refusal !== undefined || isLocal(request)) return refusal;
    return this.#refuseToken(request, 'reads from other machines');
  }

  refuseChange(request: GuardedRequest): Refusal | undefined {
    const refusal = this.refusePage(request) ?? refuseSite(request);
    if (refusal !== undefined) return refusal;
    if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
      return { status: 415, code: 'CONTENT_TYPE', message: 'A change is sent as application/json.' };
    }
    return this.#refuseToken(request, 'changes');
  }

  #refuseHost({ headers }: GuardedRequest): Refusal | undefined {
    const name = hostName(headers.host);
    if (name === 'localhost' || isIP(name) !== 0 || this.#settings.hosts.includes(name)) return undefined;
    return { status: 421, code: 'HOST', message: 'This name is not one of the option `hosts`.' };
  }

  #refuseToken({ headers }: GuardedRequest, what: string): Refusal | undefined {
    const { token } = this.#settings;
    if (token === undefined) {
      return { status: 403, code: 'READ_ONLY', message: `There are no ${what}: createAdmin() was given no token.` };
    }
    const given = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1];
    if (given !== undefined && isEqual(given, token)) return undefined;
    const message = given === undefined ? `A token is needed for ${what}.` : 'This is not the token.';
    return { status: 401, code: 'TOKEN', message };
  }
}

function refuseQuery({ query }: GuardedRequest): Refusal | undefined {
  if (!TOKEN_NAMES.some((name) => query.has(name))) return undefined;
  return { status: 400, code: 'TOKEN_IN_ADDRESS', message: 'A token belongs into the header Authorization.' };
}

function refuseSite({ headers }: GuardedRequest): Refusal | undefined {
  const site = headers['sec-fetch-site'];
  const foreign = site !== undefined && site !== 'same-origin' && site !== 'none';
  const origin = headers.origin;
  // What a proxy in front made of the scheme is not known here.
  const other = origin !== undefined && origin.replace(/^https?:\/\//, '') !== headers.host;
  if (!foreign && !other) return undefined;
  return { status: 403, code: 'ORIGIN', message: 'Pages of other origins are not answered.' };
}

function isLocal({ headers, remoteAddress }: GuardedRequest): boolean {
  const name = hostName(headers.host);
  return isLoopback(remoteAddress ?? '') && (name === 'localhost' || isLoopback(name));
}

export function isLoopback(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\.\d+\.\d+\.\d+$/.test(address) || address === 'localhost';
}

/** Without port and brackets; '' where it is not one. */
function hostName(host: string | undefined): string {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]/@]+))(?::\d{1,5})?$/i.exec(host ?? '');
  return (match?.[1] ?? match?.[2] ?? '').toLowerCase();
}

/** In a time that says nothing about where they differ. */
function isEqual(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
