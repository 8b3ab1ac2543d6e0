import type { ServerOpts, SocketConstructorOpts, TcpSocketConnectOpts } from 'node:net';
import type { ConnectionOptions, SecureContextOptions, TLSSocketOptions, TlsOptions } from 'node:tls';
import { invalidOption, isRecord, type Reader, unknownOption } from './options.js';
import { checkSecureContext } from './secure-context.js';

/** Exactly the names of `T`: one that Node gains fails to compile until it stands here. */
type Names<T> = Readonly<Record<keyof T, true>>;

/** Of both sides: certificates, ciphers, versions. */
const SHARED: Names<SecureContextOptions & Omit<TLSSocketOptions, 'isServer' | 'server' | 'session' | 'requestOCSP'>> =
  {
    ALPNCallback: true,
    ALPNProtocols: true,
    SNICallback: true,
    allowPartialTrustChain: true,
    ca: true,
    cert: true,
    ciphers: true,
    clientCertEngine: true,
    crl: true,
    dhparam: true,
    ecdhCurve: true,
    enableTrace: true,
    honorCipherOrder: true,
    key: true,
    maxVersion: true,
    minVersion: true,
    passphrase: true,
    pfx: true,
    privateKeyEngine: true,
    privateKeyIdentifier: true,
    rejectUnauthorized: true,
    requestCert: true,
    secureContext: true,
    secureOptions: true,
    secureProtocol: true,
    sessionIdContext: true,
    sessionTimeout: true,
    sigalgs: true,
    ticketKeys: true,
  };

/** What `tls.connect` and the socket under it take. */
const CLIENT: Names<ConnectionOptions & TcpSocketConnectOpts & SocketConstructorOpts & TLSSocketOptions> = {
  ...SHARED,
  allowHalfOpen: true,
  autoSelectFamily: true,
  autoSelectFamilyAttemptTimeout: true,
  checkServerIdentity: true,
  family: true,
  fd: true,
  hints: true,
  host: true,
  isServer: true,
  keepAlive: true,
  keepAliveInitialDelay: true,
  localAddress: true,
  localPort: true,
  lookup: true,
  minDHSize: true,
  noDelay: true,
  onread: true,
  path: true,
  port: true,
  pskCallback: true,
  readable: true,
  requestOCSP: true,
  server: true,
  servername: true,
  session: true,
  signal: true,
  socket: true,
  timeout: true,
  writable: true,
};

/** What `tls.createServer` takes. */
const SERVER: Names<TlsOptions & ServerOpts> = {
  ...SHARED,
  allowHalfOpen: true,
  handshakeTimeout: true,
  highWaterMark: true,
  keepAlive: true,
  keepAliveInitialDelay: true,
  noDelay: true,
  pauseOnConnect: true,
  pskCallback: true,
  pskIdentityHint: true,
};

/**
 * Node ignores a name that it does not know, so that a misspelt `servername` would pass unseen, and
 * looks at certificates when it connects.
 */
function named<T>(value: unknown, name: string, names: object, allowed: string): T {
  if (!isRecord(value)) throw invalidOption(name, value, allowed);
  const unknown = Object.keys(value).find((each) => !Object.hasOwn(names, each));
  if (unknown !== undefined) throw unknownOption(`${name}.`, unknown, Object.keys(names).sort());
  checkSecureContext(name, value);
  return value as T;
}

/** Options of `tls.connect`. */
export const tlsClient: Reader<ConnectionOptions> = (value, name) =>
  named(value, name, CLIENT, 'an object of options for tls.connect');

/** As `tlsClient`; `true` is for the defaults, `false` (default) for none. */
export const tlsSwitch: Reader<ConnectionOptions | undefined> = (value, name) => {
  if (value === undefined || value === false) return undefined;
  if (value === true) return {};
  return named(value, name, CLIENT, 'an object of options for tls.connect, true or false');
};

/** Options of `tls.createServer`. */
export const tlsServer: Reader<TlsOptions> = (value, name) =>
  named(value, name, SERVER, 'an object of options for tls.createServer');
