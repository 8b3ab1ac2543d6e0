import { FairleadError } from '../../runtime/errors.js';
import {
  boolean,
  described,
  fields,
  invalidOption,
  number,
  type Reader,
  type Schema,
  secret,
  text,
} from '../../runtime/options.js';
import { type Pem, pem } from '../../runtime/pem.js';
import { checkSecureContext } from '../../runtime/secure-context.js';

/** How to speak to etcd over TLS. Certificates and keys are PEM. */
export interface EtcdTlsOptions {
  /** Authorities to trust instead of those Node knows. */
  readonly ca?: Pem;
  /** Our certificate, for clusters that ask for one. With `key`. */
  readonly cert?: Pem;
  /** Its private key. Never shown. */
  readonly key?: Pem;
  /** The name to expect in the member's certificate. Default: its host. */
  readonly serverName?: string;
  /** False trusts any certificate. Default true. */
  readonly verify?: boolean;
}

/** Where etcd is and how to speak to it. */
export interface EtcdConnectionOptions {
  /**
   * `host:port`, `http://…` or `https://…` of a member, or of several: the next is asked when one
   * does not answer. Default `127.0.0.1:2379`.
   */
  readonly address?: string | readonly string[];
  /** True for TLS with Node's own authorities, or TLS options. Default: what the address says. */
  readonly tls?: boolean | EtcdTlsOptions;
  /** For clusters with authentication. With `password`. */
  readonly user?: string;
  /** With `user`. Never shown. */
  readonly password?: string;
  /**
   * How long a member may take for an answer, a new connection included; milliseconds. Default
   * 5,000; 100 to 600,000.
   */
  readonly requestTimeoutMs?: number;
}

/** A connection as read. It holds secrets: it lives in #private fields only. */
export interface EtcdConnection {
  readonly members: readonly EtcdMember[];
  readonly tls: EtcdTlsSettings | undefined;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly requestTimeoutMs: number;
}

interface EtcdMember {
  readonly host: string;
  readonly port: number;
}

export interface EtcdTlsSettings {
  readonly ca: Pem | undefined;
  readonly cert: Pem | undefined;
  readonly key: Pem | undefined;
  readonly serverName: string | undefined;
  readonly verify: boolean;
}

export interface EtcdConnectionSettings {
  readonly address: readonly string[];
  readonly tls: boolean | EtcdTlsSettings | undefined;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly requestTimeoutMs: number;
}

const DEFAULT_ADDRESS = '127.0.0.1:2379';
const DEFAULT_PORT = 2379;

const NO_TLS: EtcdTlsSettings = { ca: undefined, cert: undefined, key: undefined, serverName: undefined, verify: true };

const tlsFields: Reader<EtcdTlsSettings> = fields<EtcdTlsSettings>(
  { ca: pem(false), cert: pem(false), key: pem(true), serverName: text(undefined), verify: boolean(true) },
  (read, name) => {
    if ((read.cert === undefined) === (read.key === undefined)) return read;
    const [given, missing] = read.cert === undefined ? ['key', 'cert'] : ['cert', 'key'];
    throw new FairleadError('FAIRLEAD_INVALID_OPTION', `${name}.${given} means nothing without ${name}.${missing}.`);
  },
  '`cert` and `key` go together',
);

const tlsOptions: Reader<boolean | EtcdTlsSettings | undefined> = described(
  { shape: { type: 'choice', of: [boolean(false), tlsFields] } },
  (value, name) => (value === undefined || typeof value === 'boolean' ? value : tlsFields(value, name)),
);

const addresses: Reader<readonly string[]> = (() => {
  const one: Reader<unknown> = text(undefined);
  const many = described({ shape: { type: 'list', items: one, min: 1 } }, (value) => value);
  return described({ shape: { type: 'choice', of: [one, many] }, fallback: DEFAULT_ADDRESS }, (value, name) => {
    if (value === undefined) return [DEFAULT_ADDRESS];
    const list: readonly unknown[] = Array.isArray(value) ? value : [value];
    if (list.length > 0 && list.every((each) => typeof each === 'string' && each !== '')) return list as string[];
    throw invalidOption(name, value, 'an address, or an array of at least one');
  });
})();

/** Readers of the connection's options, for the schema of whatever has one. */
export const connectionSchema: Schema<EtcdConnectionSettings> = {
  address: addresses,
  tls: tlsOptions,
  user: text(undefined),
  password: secret(),
  requestTimeoutMs: number(5_000, 100, 600_000),
};

/** What `readConnection` refuses, in words. */
export const CONNECTION_RULES = [
  '`user` and `password` go together',
  'Addresses are all http or all https, and `tls` is not against them',
] as const;

/** Throws FAIRLEAD_INVALID_OPTION for options that do not go together. */
export function readConnection(context: string, options: EtcdConnectionSettings): EtcdConnection {
  const { tls, user, password, requestTimeoutMs } = options;
  if ((user === undefined) !== (password === undefined)) {
    const [given, missing] = user === undefined ? ['password', 'user'] : ['user', 'password'];
    throw new FairleadError(
      'FAIRLEAD_INVALID_OPTION',
      `${context}.${given} means nothing without ${context}.${missing}.`,
    );
  }
  const read = options.address.map((address) => parseAddress(address, `${context}.address`));
  const secure = new Set(read.map((each) => each.secure ?? (tls !== undefined && tls !== false)));
  if (secure.size > 1) throw invalidOption(`${context}.address`, options.address, 'http or https, the same for all');
  const isSecure = secure.has(true);
  if (!isSecure && typeof tls === 'object') {
    throw invalidOption(`${context}.tls`, tls, 'none with http:// addresses');
  }
  if (isSecure && tls === false) throw invalidOption(`${context}.tls`, tls, 'true or options with https:// addresses');
  if (isSecure && typeof tls === 'object') {
    const { ca, cert, key } = tls;
    checkSecureContext(`${context}.tls`, { ca, cert, key });
  }
  return {
    members: read.map(({ host, port }) => ({ host, port })),
    tls: isSecure ? (typeof tls === 'object' ? tls : NO_TLS) : undefined,
    user,
    password,
    requestTimeoutMs,
  };
}

/** `secure` is undefined where the address does not say. */
function parseAddress(address: string, name: string): EtcdMember & { readonly secure: boolean | undefined } {
  const scheme = /^(https?):\/\//.exec(address)?.[1];
  const text = scheme === undefined ? `http://${address}` : address;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const bare = url !== undefined && url.pathname === '/' && url.search === '' && url.hash === '';
  if (url !== undefined && (url.username !== '' || url.password !== '')) {
    throw new FairleadError(
      'FAIRLEAD_INVALID_OPTION',
      `${name} has a user or password in it (value not shown): give them as user and password.`,
    );
  }
  if (url === undefined || !bare || url.hostname === '') {
    throw invalidOption(name, address, 'host:port, http://host:port or https://host:port');
  }
  // A URL leaves out the port that is its scheme's own.
  const written = /:(\d+)\/?$/.exec(text)?.[1];
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: written === undefined ? DEFAULT_PORT : Number(written),
    secure: scheme === undefined ? undefined : scheme === 'https',
  };
}
