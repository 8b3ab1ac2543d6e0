import { connect, isIP, type Socket } from 'node:net';
import { withTimeout } from '../../../src/adapter.js';
import { type Clock, type EndpointSpec, FairleadError } from '../../../src/index.js';
import type { Password } from '../common/driver-options.js';
import { CONNECT_TIMEOUT_MS } from '../driver/driver.js';
import { secured, type TlsNames } from './secured.js';

export interface ConnectOptionsHost {
  readonly clock: Clock;
  readonly service: string;
  readonly connection: Readonly<Record<string, unknown>>;
  /** Whether a password may be encrypted with a public key that the server sends, without TLS. */
  readonly allowPublicKeyRetrieval: boolean;
}

interface Login {
  readonly user?: unknown;
  readonly password?: Password | undefined;
  readonly database?: unknown;
}

/**
 * What mysql2 needs for a connection to `spec` right now: where, who, and the password as its
 * function returns it. Rejects where that function fails or takes longer than `connectTimeout`.
 */
export async function connectOptions(
  host: ConnectOptionsHost,
  spec: EndpointSpec,
  login: Login,
): Promise<Record<string, unknown>> {
  const { connection, service } = host;
  const { servername, verifyIdentity } = (connection.ssl ?? {}) as TlsNames;
  if (verifyIdentity && servername === undefined && isIP(spec.host) !== 0) {
    // mysql2 would look for `localhost` in the certificate.
    const message =
      `ssl.verifyIdentity needs ssl.servername: endpoint '${spec.id}' is known by its address only, and not by ` +
      'the name that its certificate must show.';
    throw new FairleadError('FAIRLEAD_INVALID_OPTION', message, { service, endpoint: spec.id });
  }
  const options = {
    ...connection,
    ...login,
    ...secured(host, spec),
    host: spec.host,
    port: spec.port,
    password: await ask(host, login),
  };
  if (servername === undefined && connection.localAddress === undefined) return options;
  // mysql2 has no option for the name that a certificate must show: it takes the host for it. So it
  // gets that name as the host, and a socket to the address.
  return { ...options, host: servername ?? spec.host, stream: () => socketTo(spec, connection) };
}

function socketTo(spec: EndpointSpec, connection: Readonly<Record<string, unknown>>): Socket {
  const { localAddress, enableKeepAlive, keepAliveInitialDelay } = connection as {
    readonly localAddress?: string;
    readonly enableKeepAlive?: boolean;
    readonly keepAliveInitialDelay?: number;
  };
  return connect({
    host: spec.host,
    port: spec.port,
    noDelay: true,
    keepAlive: enableKeepAlive !== false,
    ...(keepAliveInitialDelay !== undefined && { keepAliveInitialDelay }),
    ...(localAddress !== undefined && { localAddress }),
  });
}

function ask({ clock, service, connection }: ConnectOptionsHost, { password }: Login): Promise<string | undefined> {
  if (typeof password !== 'function') return Promise.resolve(password);
  const failed = (what: string, cause?: unknown): FairleadError =>
    new FairleadError('FAIRLEAD_NO_CONNECTION', `The function that gives the password ${what}.`, { service, cause });
  const limitMs = (connection.connectTimeout as number | undefined) || CONNECT_TIMEOUT_MS;
  const given = Promise.resolve()
    .then(password)
    .then((text: unknown) => {
      if (typeof text !== 'string') throw new TypeError(`It gave ${text === null ? 'null' : typeof text}.`);
      return text;
    })
    .catch((error: unknown) => {
      throw failed('failed', error);
    });
  return withTimeout(clock, limitMs, given, () => failed(`gave none within connectTimeout ${limitMs} ms`));
}
