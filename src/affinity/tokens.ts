import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { type Clock, systemClock } from '../runtime/clock.js';
import { FairleadError } from '../runtime/errors.js';
import { invalidOption, number, type Reader, readOptions, unchecked } from '../runtime/options.js';
import { EndpointTags, type Identified } from './endpoint-tags.js';

export interface TokenKey {
  /** Names the key in the token; 1 to 32 letters, digits, - and _. Not secret. */
  readonly id: string;
  /** At least 32 bytes, as long as the hash (RFC 2104); text counts as UTF-8. */
  readonly secret: string | Uint8Array;
}

export interface AffinityTokensOptions {
  /**
   * The first signs; all of them verify. To rotate: put a new one in front, drop the old one a TTL
   * later.
   */
  readonly keys: readonly TokenKey[];
  /**
   * How long a token is good; milliseconds, rounded up to the second. Default 1,800,000; 1,000 to
   * 31,536,000,000.
   */
  readonly ttlMs?: number;
  /**
   * The service that it is for: a token of one service is not a token of another, also where they
   * share their keys. Required.
   */
  readonly audience: string;
  /** For tests. Default: the machine's clock. */
  readonly clock?: Clock;
}

/** Sessions without a table: the client carries its endpoint itself, in a cookie or in metadata. */
export interface AffinityTokens {
  /**
   * A token for this endpoint; letters, digits, `.`, `-` and `_`, below 140 characters. Costs two
   * HMACs at most.
   */
  issue(endpoint: Identified): string;
  /**
   * The id of the endpoint that the token is for, to be given as `prefer`; undefined where it is no
   * token, expired, of an unknown key or another audience, or for an endpoint that is neither among
   * these nor was among those seen before. Never throws.
   */
  read(token: string | undefined, endpoints: readonly Identified[]): string | undefined;
}

/**
 * Signed tokens that name an endpoint without revealing it: instead of the id they carry its HMAC,
 * so they expose neither addresses nor names, and clients cannot make or change one.
 *
 * ```ts
 * const tokens = affinityTokens({ keys: [{ id: '2026-11', secret: process.env.AFFINITY_SECRET }], audience: 'users' });
 * const lease = users.acquire({ prefer: tokens.read(cookie, users.endpoints) });
 * response.setHeader('set-cookie', `fairlead=${tokens.issue(lease.endpoint)}; HttpOnly; Secure; SameSite=Lax`);
 * ```
 */
export function affinityTokens(options: AffinityTokensOptions): AffinityTokens {
  const read = readOptions<TokensSettings>('affinityTokens', options, {
    keys: tokenKeys,
    ttlMs: number(1_800_000, 1_000, 31_536_000_000),
    audience,
    clock: unchecked<Clock>(),
  });
  return new SignedTokens(read);
}

interface KeySettings {
  readonly id: string;
  readonly secret: KeyObject;
}

interface TokensSettings {
  readonly keys: readonly KeySettings[];
  readonly ttlMs: number;
  readonly audience: string;
  readonly clock: Clock | undefined;
}

/** The version of the format, first in every token. */
const VERSION = 'f1';

/** Half of SHA-256: 128 bits, the least that RFC 2104 (section 5) allows to cut it to. */
const MAC_BYTES = 16;

/** A longer one is not ours, and need not be looked at. */
const LONGEST_TOKEN = 160;

class SignedTokens implements AffinityTokens {
  readonly #keys: readonly KeySettings[];
  readonly #ttlMs: number;
  readonly #audience: string;
  readonly #clock: Clock;
  /** Per key. */
  readonly #known: readonly EndpointTags[];

  constructor({ keys, ttlMs, audience, clock = systemClock }: TokensSettings) {
    this.#keys = keys;
    this.#ttlMs = ttlMs;
    this.#audience = audience;
    this.#clock = clock;
    this.#known = keys.map((key) => new EndpointTags((id) => this.#mac(key, 'endpoint', id).toString('base64url')));
  }

  issue({ spec }: Identified): string {
    const key = this.#keys[0]!;
    const expiry = Math.ceil((this.#clock.wallMs() + this.#ttlMs) / 1_000).toString(36);
    const body = `${VERSION}.${key.id}.${expiry}.${this.#known[0]!.learn(spec.id)}`;
    return `${body}.${this.#mac(key, 'token', body).toString('base64url')}`;
  }

  read(token: string | undefined, endpoints: readonly Identified[]): string | undefined {
    if (typeof token !== 'string' || token.length > LONGEST_TOKEN) return undefined;
    const parts = token.split('.');
    const [version, keyId, expiry, tag, mac] = parts as [string, string, string, string, string];
    if (parts.length !== 5 || version !== VERSION) return undefined;
    const which = this.#keys.findIndex(({ id }) => id === keyId);
    if (which === -1) return undefined;
    const body = token.slice(0, token.lastIndexOf('.'));
    // Compared as text, not as what it decodes to: base64url has several spellings of the same
    // bytes, and each would be a token that was never issued.
    const expected = Buffer.from(this.#mac(this.#keys[which]!, 'token', body).toString('base64url'));
    const given = Buffer.from(mac);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    // Nothing in it is believed before here.
    if (Number.parseInt(expiry, 36) * 1_000 <= this.#clock.wallMs()) return undefined;
    const known = this.#known[which]!;
    known.learnAll(endpoints);
    return known.idOf(tag);
  }

  /** `purpose` and audience keep one kind of MAC from being taken for another. */
  #mac({ secret }: KeySettings, purpose: 'token' | 'endpoint', text: string): Buffer {
    const hmac = createHmac('sha256', secret).update(JSON.stringify([purpose, this.#audience, text]));
    return hmac.digest().subarray(0, MAC_BYTES);
  }
}

const audience: Reader<string> = (value, name) => {
  if (typeof value === 'string' && value !== '') return value;
  throw invalidOption(name, value, "the name of the service that the tokens are for, such as 'carts'");
};

const SMALLEST_SECRET_BYTES = 32;

const tokenKeys: Reader<readonly KeySettings[]> = (value, name) => {
  if (!Array.isArray(value) || value.length === 0) {
    throw invalidOption(name, value, 'an array of { id, secret } that is not empty');
  }
  const keys = value.map((key, index) => tokenKey(key, `${name}[${index}]`));
  if (new Set(keys.map(({ id }) => id)).size < keys.length) throw invalidOption(name, value, 'keys with different ids');
  return keys;
};

function tokenKey(value: unknown, name: string): KeySettings {
  const { id, secret } = (value ?? {}) as Partial<TokenKey>;
  if (typeof id !== 'string' || !/^[\w-]{1,32}$/.test(id)) {
    throw invalidOption(`${name}.id`, id, '1 to 32 letters, digits, - and _');
  }
  const bytes = typeof secret === 'string' ? Buffer.from(secret) : secret;
  // The secret itself is never shown.
  if (!(bytes instanceof Uint8Array) || bytes.length < SMALLEST_SECRET_BYTES) {
    throw new FairleadError(
      'FAIRLEAD_INVALID_OPTION',
      `${name}.secret is refused (value not shown): allowed is text or bytes, ${SMALLEST_SECRET_BYTES} bytes or more.`,
    );
  }
  return { id, secret: createSecretKey(bytes) };
}
