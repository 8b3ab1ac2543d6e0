import type { KeyObject } from 'node:crypto';
import type { Clock } from '../runtime/clock.js';
import { FairleadError } from '../runtime/errors.js';
import { lazyCrypto } from '../runtime/lazy-modules.js';
import { invalidOption, type Reader } from '../runtime/options.js';

export interface TokenKey {
  /** Names the key in the token; 1 to 32 letters, digits, - and _. Not secret. */
  readonly id: string;
  /** At least 32 bytes, as long as the hash (RFC 2104); text counts as UTF-8. */
  readonly secret: string | Uint8Array;
}

export interface KeySettings {
  readonly id: string;
  readonly secret: KeyObject;
}

/** Half of SHA-256: 128 bits, the least that RFC 2104 (section 5) allows to cut it to. */
const MAC_BYTES = 16;

/** `purpose` and audience keep one kind of MAC from being taken for another. */
export function macOf(key: KeySettings, purpose: string, audience: string, text: string): string {
  const hmac = lazyCrypto()
    .createHmac('sha256', key.secret)
    .update(JSON.stringify([purpose, audience, text]));
  return hmac.digest().subarray(0, MAC_BYTES).toString('base64url');
}

export interface SignedTextContext {
  /** The format of what is signed, first in every token; letters and digits. */
  readonly version: string;
  /** What the signature is for. */
  readonly purpose: string;
  readonly audience: string;
  /** The first signs; all of them verify. */
  readonly keys: readonly KeySettings[];
  readonly ttlMs: number;
  /** Longer is not ours, and need not be looked at; characters. */
  readonly maxLength: number;
  readonly clock: Clock;
}

/** What a token says, and which key signed it. */
export interface OpenedText {
  readonly payload: string;
  /** Its index in `keys`. */
  readonly key: number;
}

/**
 * Text that goes through the hands of clients and comes back as it was, or not at all:
 * `version.key.expiry.payload.mac`. Nothing in it is believed before its signature was.
 */
export class SignedText {
  readonly #context: SignedTextContext;

  constructor(context: SignedTextContext) {
    this.#context = context;
  }

  /** `payload`: letters, digits, `-` and `_`. Costs one HMAC. */
  sign(payload: string): string {
    const { version, keys, purpose, audience, ttlMs, clock } = this.#context;
    const key = keys[0]!;
    const expiry = Math.ceil((clock.wallMs() + ttlMs) / 1_000).toString(36);
    const body = `${version}.${key.id}.${expiry}.${payload}`;
    return `${body}.${macOf(key, purpose, audience, body)}`;
  }

  /** Undefined for what was not signed here, or too long ago. Never throws. */
  open(token: unknown): OpenedText | undefined {
    const { version, keys, purpose, audience, maxLength, clock } = this.#context;
    if (typeof token !== 'string' || token.length > maxLength) return undefined;
    const parts = token.split('.');
    const [given, keyId, expiry, payload, mac] = parts as [string, string, string, string, string];
    if (parts.length !== 5 || given !== version) return undefined;
    const key = keys.findIndex(({ id }) => id === keyId);
    if (key === -1) return undefined;
    const body = token.slice(0, token.lastIndexOf('.'));
    // Compared as text, not as what it decodes to: base64url has several spellings of the same
    // bytes, and each would be a token that was never issued.
    const expected = Buffer.from(macOf(keys[key]!, purpose, audience, body));
    const shown = Buffer.from(mac);
    if (shown.length !== expected.length || !lazyCrypto().timingSafeEqual(shown, expected)) return undefined;
    if (Number.parseInt(expiry, 36) * 1_000 <= clock.wallMs()) return undefined;
    return { payload, key };
  }
}

const SMALLEST_SECRET_BYTES = 32;

/** Keys to sign with, as an option. Secrets are never shown. */
export const tokenKeys: Reader<readonly KeySettings[]> = (value, name) => {
  if (!Array.isArray(value) || value.length === 0) {
    throw invalidOption(name, value, 'an array of { id, secret } that is not empty');
  }
  const keys = value.map((key, index) => tokenKey(key, `${name}[${index}]`));
  if (new Set(keys.map(({ id }) => id)).size < keys.length) throw invalidOption(name, value, 'keys with different ids');
  return keys;
};

/** One of them; `secretName` is what its secret is called in errors. */
export function tokenKey(value: unknown, name: string, secretName = `${name}.secret`): KeySettings {
  const { id, secret } = (value ?? {}) as Partial<TokenKey>;
  if (typeof id !== 'string' || !/^[\w-]{1,32}$/.test(id)) {
    throw invalidOption(`${name}.id`, id, '1 to 32 letters, digits, - and _');
  }
  const bytes = typeof secret === 'string' ? Buffer.from(secret) : secret;
  // The secret itself is never shown.
  if (!(bytes instanceof Uint8Array) || bytes.length < SMALLEST_SECRET_BYTES) {
    const is = bytes === undefined ? 'undefined' : 'refused (value not shown)';
    const message = `${secretName} is ${is}: allowed is text or bytes, ${SMALLEST_SECRET_BYTES} bytes or more.`;
    throw new FairleadError('FAIRLEAD_INVALID_OPTION', message);
  }
  return { id, secret: lazyCrypto().createSecretKey(bytes) };
}
