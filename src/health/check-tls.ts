import type { SecureContext } from 'node:tls';
import { FairleadError } from '../runtime/errors.js';
import { boolean, optional, type Schema, text } from '../runtime/options.js';
import { type Pem, pem } from '../runtime/pem.js';
import { secureContextOf } from '../runtime/secure-context.js';

/**
 * How a check asks over TLS: the same options for every kind that can. All but `tls` itself only
 * with `tls: true`.
 */
export interface CheckTls {
  /** Ask over TLS. Default false. */
  readonly tls?: boolean;
  /** Whether a certificate that cannot be verified fails the check. Default true. */
  readonly verify?: boolean;
  /** The name asked for and verified. Default the endpoint's host. */
  readonly serverName?: string;
  /** Authorities to trust in place of those Node knows; PEM. */
  readonly ca?: Pem;
  /** The certificate of this client, for servers that ask for one; PEM. With `key`. */
  readonly cert?: Pem;
  /** Its private key; PEM. Never shown. */
  readonly key?: Pem;
}

export interface CheckTlsSettings {
  readonly tls: boolean;
  readonly verify: boolean | undefined;
  readonly serverName: string | undefined;
  readonly ca: Pem | undefined;
  readonly cert: Pem | undefined;
  readonly key: Pem | undefined;
}

export const checkTls: Schema<CheckTlsSettings> = {
  tls: boolean(false),
  verify: optional(boolean(true)),
  serverName: text(undefined),
  ca: pem(false),
  cert: pem(false),
  key: pem(true),
};

/** What `node:tls` is given for each connection. */
export interface TlsConnect {
  readonly rejectUnauthorized: boolean;
  readonly servername?: string;
  readonly secureContext?: SecureContext;
}

/**
 * Undefined without `tls`. Throws FAIRLEAD_INVALID_OPTION for options that need it, and for what
 * OpenSSL refuses.
 */
export function connectOptions(context: string, read: CheckTlsSettings): TlsConnect | undefined {
  const { tls, verify = true, serverName, ca, cert, key } = read;
  if (!tls) {
    const idle = (['verify', 'serverName', 'ca', 'cert', 'key'] as const).find((name) => read[name] !== undefined);
    if (idle === undefined) return undefined;
    throw new FairleadError(
      'FAIRLEAD_INVALID_OPTION',
      `${context}.${idle} means nothing without ${context}.tls: true.`,
    );
  }
  if ((cert === undefined) !== (key === undefined)) {
    const [given, missing] = cert === undefined ? ['key', 'cert'] : ['cert', 'key'];
    throw new FairleadError(
      'FAIRLEAD_INVALID_OPTION',
      `${context}.${given} means nothing without ${context}.${missing}.`,
    );
  }
  return {
    rejectUnauthorized: verify,
    ...(serverName !== undefined && { servername: serverName }),
    ...((ca !== undefined || cert !== undefined) && { secureContext: secureContext(context, { ca, cert, key }) }),
  };
}

/** Made once for all that are asked. */
function secureContext(context: string, parts: Pick<CheckTlsSettings, 'ca' | 'cert' | 'key'>): SecureContext {
  const given: Record<string, Buffer> = Object.fromEntries(
    Object.entries(parts).flatMap(([name, part]) => (part === undefined ? [] : [[name, Buffer.from(part)]])),
  );
  return secureContextOf(`${context}: ca, cert or key`, given);
}
