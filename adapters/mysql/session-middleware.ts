import type { IncomingMessage, OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { optionReaders, tokenKey, tokenKeys } from '../../src/adapter.js';
import { cookieKey, type TokenKey } from '../../src/index.js';
import type { ReplicatedPoolApi } from './api.js';
import { type CarriedSession, sessionCarriers } from './session/session-carriers.js';

export interface SessionMiddlewareOptions {
  /**
   * What the cookie is signed with: text or bytes, 32 bytes or more, or keys as for
   * `affinityTokens`, of which the first signs and all verify. The same in all processes.
   */
  readonly secret: string | Uint8Array | readonly TokenKey[];
  /** Letters, digits, `-` and `_`. Default `fairlead-mysql`; with `secure` after `__Host-`. */
  readonly cookie?: string;
  /** Whether browsers send the cookie over TLS alone. Default true. */
  readonly secure?: boolean;
}

/** For `app.use` of Express, and others of that form; for node:http with a handler as `next`. */
export type SessionMiddleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

const { boolean, invalidOption, readOptions } = optionReaders;

/** As long as a token is believed. What is older is on every replica. */
const MAX_AGE_S = 3_600;

/**
 * Keeps what a client wrote and read in a signed cookie, so that its next request, in whatever
 * process, reads nothing older. Each request is a session of `pool`; the cookie is written with the
 * response's headers, and only where the session did something since the request came.
 *
 * What a handler writes after its headers went out is not in the cookie. Forged, old and foreign
 * cookies count as none. Throws FAIRLEAD_INVALID_OPTION; the secret is in no error.
 *
 * ```ts
 * app.use(sessionMiddleware(pool, { secret: process.env.SESSION_SECRET! }));
 * ```
 */
export function sessionMiddleware(
  pool: Pick<ReplicatedPoolApi, 'session'>,
  options: SessionMiddlewareOptions,
): SessionMiddleware {
  const { secret, cookie, secure } = readOptions<{
    secret: ReturnType<typeof tokenKeys>;
    cookie: string;
    secure: boolean;
  }>('sessionMiddleware', options, {
    secret: (value, name) => {
      if (Array.isArray(value)) return tokenKeys(value, name);
      return [tokenKey({ id: '0', secret: value as string }, name, name)];
    },
    cookie: (value = 'fairlead-mysql', name) => {
      if (typeof value === 'string' && /^[\w-]{1,64}$/.test(value)) return value;
      throw invalidOption(name, value, '1 to 64 letters, digits, - and _');
    },
    secure: boolean(true),
  });
  const begin = sessionCarriers.get(pool)?.(secret);
  if (begin === undefined) throw invalidOption('sessionMiddleware.pool', undefined, 'a pool of fairlead/mysql');
  const name = secure ? `__Host-${cookie}` : cookie;
  const tokenOf = cookieKey(name);
  const attributes = `; Path=/; Max-Age=${MAX_AGE_S}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
  /** Frameworks may ask twice: what continues a request in another context needs its session. */
  const sessions = new WeakMap<IncomingMessage, CarriedSession>();
  return (request, response, next) => {
    let session = sessions.get(request);
    if (session === undefined) {
      const begun = begin(tokenOf(request.headers));
      session = begun;
      sessions.set(request, begun);
      beforeHeaders(response, () => {
        const token = begun.changed();
        if (token !== undefined) response.appendHeader('set-cookie', `${name}=${token}${attributes}`);
      });
    }
    session.run(next);
  };
}

type Headers = OutgoingHttpHeaders | OutgoingHttpHeader[];

/** Runs `set` when the headers are about to go out, and those given with them are set. */
function beforeHeaders(response: ServerResponse, set: () => void): void {
  response.writeHead = writingHead(response, set);
}

/** Made here, and not where it is assigned: see `test/built-closures.test.ts`. */
function writingHead(response: ServerResponse, set: () => void): ServerResponse['writeHead'] {
  const writeHead = response.writeHead;
  return function (this: ServerResponse, status: number, ...rest: unknown[]): ServerResponse {
    response.writeHead = writeHead;
    const message = typeof rest[0] === 'string' ? rest[0] : undefined;
    setAll(response, (message === undefined ? rest[0] : rest[1]) as Headers | undefined);
    set();
    const write = writeHead.bind(response) as (status: number, message?: string) => ServerResponse;
    return message === undefined ? write(status) : write(status, message);
  } as ServerResponse['writeHead'];
}

/** As `writeHead` would: a name that comes again in a list is one more value. */
function setAll(response: ServerResponse, headers: Headers | undefined): void {
  if (headers === undefined || headers === null) return;
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) response.setHeader(name, value);
    return;
  }
  const pairs = Array.isArray(headers[0])
    ? (headers as unknown as [string, string | string[]][])
    : headers.flatMap((name, i) => (i % 2 === 0 ? [[String(name), headers[i + 1] as string] as const] : []));
  for (const [name] of pairs) response.removeHeader(name);
  for (const [name, value] of pairs) response.appendHeader(name, value);
}
