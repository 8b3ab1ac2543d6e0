import type { SecureContext, SecureContextOptions } from 'node:tls';
import { FairleadError, toError } from './errors.js';
import { lazyCrypto } from './lazy-modules.js';

/** One of these is not of OpenSSL's own kind; whether it is any good shows when it is used. */
const OPAQUE = ['secureContext', 'clientCertEngine', 'privateKeyEngine'] as const;

/**
 * What OpenSSL makes of certificates, keys and ciphers, so that what is wrong with them is known
 * when they are given: as calls are made it would speak against endpoints that are well. Throws
 * FAIRLEAD_INVALID_OPTION, without a value.
 */
export function secureContextOf(name: string, options: SecureContextOptions): SecureContext {
  // Loaded where it is needed: programs without TLS need not pay for the module.
  const { createSecureContext } = process.getBuiltinModule('node:tls');
  try {
    const { ca } = options;
    // OpenSSL would pass over what is not an authority, and trust none.
    const authorities = Array.isArray(ca) ? ca : ca ? [ca] : [];
    for (const each of authorities) new (lazyCrypto().X509Certificate)(each);
    return createSecureContext(options);
  } catch (thrown) {
    throw new FairleadError('FAIRLEAD_INVALID_OPTION', `${name} is refused (values not shown): ${reasonOf(thrown)}.`);
  }
}

/** Throws as `secureContextOf` does, and costs no list of the system's authorities. */
export function checkSecureContext(name: string, options: object): void {
  const { ca = [], ...rest } = options as SecureContextOptions;
  if (OPAQUE.every((each) => (options as Record<string, unknown>)[each] === undefined)) {
    secureContextOf(name, { ...rest, ca });
  }
}

/** Node's own errors repeat a part of the value, so they are their code. OpenSSL's do not. */
function reasonOf(thrown: unknown): string {
  const { code, message } = toError(thrown) as NodeJS.ErrnoException;
  return /^error:[^:]*:[^:]*:[^:]*:(.+)$/.exec(message)?.[1] ?? code ?? 'OpenSSL cannot read it';
}
