import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FairleadError, toError } from '../../runtime/errors.js';
import { boolean, described, fields, optional, type Reader, secret, text } from '../../runtime/options.js';
import { pem, pems } from '../../runtime/pem.js';
import { checkSecureContext } from '../../runtime/secure-context.js';
import { holdsCredentials, showKind } from '../../runtime/shown.js';
import { type AgentAddress, DEFAULT_ADDRESS, isLocal, parseAddress } from './address.js';

/** How to speak to the agent over TLS. Certificates and keys are PEM texts. */
export interface ConsulTlsOptions {
  /** Authorities to trust instead of the system's. Default: CONSUL_CACERT, CONSUL_CAPATH. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[];
  /** Our certificate, for agents that ask for one. With `key`. Default: CONSUL_CLIENT_CERT. */
  readonly cert?: string | Buffer;
  /** Its private key. Never shown. Default: CONSUL_CLIENT_KEY. */
  readonly key?: string | Buffer;
  /**
   * The name to expect in the agent's certificate. Default: CONSUL_TLS_SERVER_NAME, else the host.
   */
  readonly serverName?: string;
  /** False trusts any certificate. Default: CONSUL_HTTP_SSL_VERIFY, else true. */
  readonly verify?: boolean;
}

/**
 * Options of a connection to an agent. What is left out comes from the variables that the Consul
 * CLI reads.
 */
export interface ConsulConnectionOptions {
  /**
   * `host:port`, `http://…`, `https://…` or `unix:///path`. Default: CONSUL_HTTP_ADDR, else
   * 127.0.0.1:8500.
   */
  readonly address?: string;
  /** The ACL token. Default: CONSUL_HTTP_TOKEN_FILE, CONSUL_HTTP_TOKEN, else none. */
  readonly token?: string;
  /** A file with the token, read again after every 403, so that a rotated token is picked up. */
  readonly tokenFile?: string;
  /** `user:password` for HTTP basic authentication. Default: CONSUL_HTTP_AUTH. */
  readonly auth?: string;
  /**
   * True for https with the system's authorities, or TLS options. Default: CONSUL_HTTP_SSL and the
   * address.
   */
  readonly tls?: boolean | ConsulTlsOptions;
  /**
   * Ask for gzip. Default: only where the agent is not on this host: it saves bytes and costs the
   * agent time.
   */
  readonly compress?: boolean;
  /** Where variables are looked up. Default `process.env`; `{}` ignores them. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** A connection as read. It holds secrets: it lives in #private fields only. */
export interface Connection {
  readonly address: AgentAddress;
  readonly tls: TlsParts;
  /** Reads `tls` again; undefined where nothing of it comes from files. May throw. */
  readonly readTls: (() => TlsParts) | undefined;
  readonly auth: string | undefined;
  readonly compress: boolean;
  readonly namespace: string | undefined;
  readonly partition: string | undefined;
  /** The token, or undefined for none. */
  readonly token: Secret | undefined;
}

/** What `https.Agent` takes. */
export type TlsParts = Readonly<Record<string, unknown>>;

/** A secret that may be replaced while we run. */
export interface Secret {
  value(): string;
  /** Reads it again where it comes from. */
  refresh(): void;
}

type Env = Readonly<Record<string, string | undefined>>;
type ConnectionSettings = {
  readonly [Key in keyof Required<ConsulConnectionOptions>]: ConsulConnectionOptions[Key] | undefined;
};

const tlsFields: Reader<ConsulTlsOptions> = fields<ConsulTlsOptions>({
  ca: pems(),
  cert: pem(false),
  key: pem(true),
  serverName: text(undefined),
  verify: optional(boolean(true)),
} as never);

const tlsOptions: Reader<boolean | ConsulTlsOptions | undefined> = described(
  { shape: { type: 'choice', of: [boolean(false), tlsFields] } },
  (value, name) => (value === undefined || typeof value === 'boolean' ? value : tlsFields(value, name)),
);

const address: Reader<string | undefined> = described({ shape: { type: 'text' } }, (value, name) => {
  const given = text(undefined)(value, name);
  // Where it leads depends on `tls` and the environment; whether it is one does not.
  if (given !== undefined) parseAddress(given, false, name);
  return given;
});

const environment: Reader<Env | undefined> = described(
  { shape: { type: 'code' } },
  (value) => value as Env | undefined,
);

/** Readers of the connection's options, to be spread into the schema of whatever has one. */
export const connectionSchema: { readonly [Key in keyof ConsulConnectionOptions]-?: Reader<unknown> } = {
  address,
  token: secret(),
  tokenFile: text(undefined),
  auth: secret(),
  tls: tlsOptions,
  compress: optional(boolean(true)),
  env: environment,
};

/**
 * Completes the options from the environment. Throws FAIRLEAD_INVALID_OPTION, also for a file that
 * cannot be read.
 */
export function readConnection(context: string, options: ConnectionSettings): Connection {
  const env: Env = options.env ?? process.env;
  const setting = (name: string): string | undefined => (env[name] === '' ? undefined : env[name]);
  const secure = options.tls === undefined ? readSwitch(setting('CONSUL_HTTP_SSL'), 'CONSUL_HTTP_SSL') : !!options.tls;
  const [source, name] =
    options.address === undefined
      ? [setting('CONSUL_HTTP_ADDR') ?? DEFAULT_ADDRESS, 'CONSUL_HTTP_ADDR']
      : [options.address, `${context}.address`];
  const parsed = parseAddress(source, secure === true, name);
  // As in the CLI: the switch also turns a written http:// into https.
  const address = secure === true && parsed.socketPath === undefined ? { ...parsed, secure: true } : parsed;
  const given = typeof options.tls === 'object' ? options.tls : {};
  const tls = (): TlsParts => readTls(context, given, setting);
  return {
    address,
    tls: address.secure ? tls() : {},
    readTls: address.secure && TLS_FILES.some((name) => setting(name) !== undefined) ? tls : undefined,
    auth: options.auth ?? setting('CONSUL_HTTP_AUTH'),
    compress: options.compress ?? !isLocal(address),
    namespace: setting('CONSUL_NAMESPACE'),
    partition: setting('CONSUL_PARTITION'),
    token: readToken(context, options, setting),
  };
}

/** Variables that name files, or a folder of them. */
const TLS_FILES = ['CONSUL_CACERT', 'CONSUL_CAPATH', 'CONSUL_CLIENT_CERT', 'CONSUL_CLIENT_KEY'] as const;

function readTls(context: string, options: ConsulTlsOptions, setting: (name: string) => string | undefined): TlsParts {
  const file = (name: (typeof TLS_FILES)[number]): string | undefined => {
    const path = setting(name);
    return path === undefined ? undefined : readText(path, name);
  };
  const ca = options.ca ?? file('CONSUL_CACERT') ?? readFolder(setting('CONSUL_CAPATH'));
  const cert = options.cert ?? file('CONSUL_CLIENT_CERT');
  const key = options.key ?? file('CONSUL_CLIENT_KEY');
  const name = `${context}.tls, or what ${TLS_FILES.join(', ')} name,`;
  if ((cert === undefined) !== (key === undefined)) {
    const [has, lacks] = cert === undefined ? ['key', 'cert'] : ['cert', 'key'];
    throw new FairleadError('FAIRLEAD_INVALID_OPTION', `${name} has a ${has} and no ${lacks}: they go together.`);
  }
  checkSecureContext(name, { ca, cert, key });
  const tls = {
    ca,
    cert,
    key,
    servername: options.serverName ?? setting('CONSUL_TLS_SERVER_NAME'),
    rejectUnauthorized:
      options.verify ?? readSwitch(setting('CONSUL_HTTP_SSL_VERIFY'), 'CONSUL_HTTP_SSL_VERIFY') ?? true,
  };
  return Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
}

/** An option beats the environment; a file beats a value, as in Consul's own client. */
function readToken(
  context: string,
  options: ConnectionSettings,
  setting: (name: string) => string | undefined,
): Secret | undefined {
  if (options.tokenFile !== undefined) return new FileSecret(options.tokenFile, `${context}.tokenFile`);
  if (options.token !== undefined) return new FixedSecret(options.token);
  const path = setting('CONSUL_HTTP_TOKEN_FILE');
  if (path !== undefined) return new FileSecret(path, 'CONSUL_HTTP_TOKEN_FILE');
  const token = setting('CONSUL_HTTP_TOKEN');
  return token === undefined ? undefined : new FixedSecret(token);
}

class FixedSecret implements Secret {
  readonly #value: string;
  constructor(value: string) {
    this.#value = value;
  }
  value(): string {
    return this.#value;
  }
  refresh(): void {}
}

class FileSecret implements Secret {
  readonly #path: string;
  #value: string;
  constructor(path: string, name: string) {
    this.#path = path;
    this.#value = readText(path, name).trim();
  }
  value(): string {
    return this.#value;
  }
  refresh(): void {
    try {
      this.#value = readFileSync(this.#path, 'utf8').trim();
    } catch {
      // It is being replaced right now: the next refusal reads it again.
    }
  }
}

function readFolder(path: string | undefined): readonly string[] | undefined {
  if (path === undefined) return undefined;
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => readFileSync(join(path, entry.name), 'utf8'));
  } catch (thrown) {
    throw unreadable('CONSUL_CAPATH', path, thrown);
  }
}

function readText(path: string, name: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    throw unreadable(name, path, thrown);
  }
}

/** A token where a path belongs is an easy mistake, so what looks like no path is not shown. */
function unreadable(name: string, path: string, thrown: unknown): FairleadError {
  const shown =
    /^(?:\.{0,2}\/|[A-Za-z]:\\)/.test(path) && !holdsCredentials(path) ? path : 'it (it is not shown, being no path)';
  const { code } = toError(thrown) as NodeJS.ErrnoException;
  return new FairleadError('FAIRLEAD_INVALID_OPTION', `${name}: cannot read ${shown}: ${code ?? 'unknown error'}.`);
}

const TRUE = ['1', 't', 'T', 'true', 'TRUE', 'True'];
const FALSE = ['0', 'f', 'F', 'false', 'FALSE', 'False'];

/** The spellings that the CLI takes: those of Go's `strconv.ParseBool`. */
function readSwitch(value: string | undefined, name: string): boolean | undefined {
  if (value === undefined) return undefined;
  if (TRUE.includes(value)) return true;
  if (FALSE.includes(value)) return false;
  throw new FairleadError(
    'FAIRLEAD_INVALID_OPTION',
    `${name} is ${showKind(value)}: allowed is ${[...TRUE, ...FALSE].join(', ')}.`,
  );
}
