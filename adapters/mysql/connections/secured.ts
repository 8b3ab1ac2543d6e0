import { isIP } from 'node:net';
import { addressOf, type EndpointSpec } from '../../../src/index.js';
import { tlsProfile } from '../driver/driver.js';
import { guardedAuthPlugins } from '../driver/guarded-auth.js';

export interface TlsNames {
  readonly verifyIdentity?: boolean;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

export interface SecuredHost {
  readonly service: string;
  readonly connection: Readonly<Record<string, unknown>>;
  readonly allowPublicKeyRetrieval: boolean;
}

/**
 * Keeps the password from any other server at an endpoint's address: with TLS, the name in the
 * certificate, checked wherever a name is known; without, no public key of the server's own (see
 * `guardedAuthPlugins`). Neither concerns servers on this machine.
 */
export function secured(host: SecuredHost, spec: EndpointSpec): Record<string, unknown> {
  const { connection } = host;
  if (connection.ssl) return { ssl: tlsOf(connection, spec) };
  if (isLoopback(spec.host)) return {};
  if (connection.enableCleartextPlugin === true) warnOfClearText(host, spec);
  if (host.allowPublicKeyRetrieval) return {};
  const where = `'${spec.id}' (${addressOf(spec)})`;
  return { authPlugins: { ...guardedAuthPlugins(where), ...(connection.authPlugins as object | undefined) } };
}

/**
 * By the options of a pool: mysql2 keeps TLS contexts and sessions by the object they were made of.
 */
const verifying = new WeakMap<object, object>();

function tlsOf(connection: Readonly<Record<string, unknown>>, { host }: EndpointSpec): unknown {
  const { ssl } = connection;
  const given = (typeof ssl === 'string' ? tlsProfile(ssl) : ssl) as TlsNames;
  const named = given.servername !== undefined || isIP(host) === 0;
  if (!named || given.verifyIdentity !== undefined || given.rejectUnauthorized === false) return given;
  let verified = verifying.get(given);
  if (verified === undefined) {
    verified = { ...given, verifyIdentity: true };
    verifying.set(given, verified);
  }
  return verified;
}

/** Services that were warned of: once each. */
const warned = new WeakSet<object>();

function warnOfClearText({ service, connection }: SecuredHost, spec: EndpointSpec): void {
  if (warned.has(connection)) return;
  warned.add(connection);
  process.emitWarning(
    `enableCleartextPlugin without ssl: the password of service '${service}' may go in clear text to '${spec.id}' ` +
      `(${addressOf(spec)}).`,
    { type: 'FairleadWarning', code: 'FAIRLEAD_CLEARTEXT' },
  );
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
