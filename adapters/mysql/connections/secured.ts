import { isIP } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { checkSecureContext } from '../../../src/adapter.js';
import { addressOf, type EndpointSpec, FairleadError } from '../../../src/index.js';
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
  if (connection.ssl) return { ssl: tlsOf(host, spec) };
  if (isLoopback(spec.host)) return {};
  if (connection.enableCleartextPlugin === true) warnOfClearText(host, spec);
  if (host.allowPublicKeyRetrieval) return {};
  const where = `'${spec.id}' (${addressOf(spec)})`;
  return { authPlugins: { ...guardedAuthPlugins(where), ...(connection.authPlugins as object | undefined) } };
}

/**
 * The latest of each, by the options of a pool: mysql2 keeps TLS contexts and sessions by the
 * object they were made of.
 */
const latest = { asGiven: new WeakMap<object, object>(), verifying: new WeakMap<object, object>() };

/** As the options are now: a certificate that was renewed is another context. */
function tlsOf({ service, connection }: SecuredHost, { id, host }: EndpointSpec): object {
  const { ssl } = connection;
  const given = (typeof ssl === 'string' ? tlsProfile(ssl) : ssl) as TlsNames;
  const named = given.servername !== undefined || isIP(host) === 0;
  const verifies = named && given.verifyIdentity === undefined && given.rejectUnauthorized !== false;
  const known = verifies ? latest.verifying : latest.asGiven;
  const before = known.get(given);
  try {
    const now = { ...given, rejectUnauthorized: given.rejectUnauthorized !== false, ...(verifies && VERIFYING) };
    if (isDeepStrictEqual(now, before)) return before as object;
    // In the midst of a handshake of mysql2 it would be an exception that nothing catches.
    checkSecureContext('ssl', now);
    known.set(given, now);
    return now;
  } catch (cause) {
    const message = `The option ssl cannot be used for a new connection to '${id}' (values not shown).`;
    throw new FairleadError('FAIRLEAD_NO_CONNECTION', message, { service, cause });
  }
}

const VERIFYING = { verifyIdentity: true };

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
