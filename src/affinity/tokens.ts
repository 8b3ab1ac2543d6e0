import { type Clock, systemClock } from '../runtime/clock.js';
import { invalidOption, number, type Reader, readOptions, unchecked } from '../runtime/options.js';
import { EndpointTags, type Identified } from './endpoint-tags.js';
import { type KeySettings, macOf, SignedText, type TokenKey, tokenKeys } from './signed-text.js';

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

interface TokensSettings {
  readonly keys: readonly KeySettings[];
  readonly ttlMs: number;
  readonly audience: string;
  readonly clock: Clock | undefined;
}

/** A longer one is not ours. */
const LONGEST_TOKEN = 160;

class SignedTokens implements AffinityTokens {
  readonly #text: SignedText;
  /** Per key. */
  readonly #known: readonly EndpointTags[];

  constructor({ keys, ttlMs, audience, clock = systemClock }: TokensSettings) {
    this.#text = new SignedText({
      version: 'f1',
      purpose: 'token',
      audience,
      keys,
      ttlMs,
      maxLength: LONGEST_TOKEN,
      clock,
    });
    this.#known = keys.map((key) => new EndpointTags((id) => macOf(key, 'endpoint', audience, id)));
  }

  issue(endpoint: Identified): string {
    const id: unknown = (endpoint as Partial<Identified> | undefined)?.spec?.id;
    if (typeof id !== 'string') throw invalidOption('issue', endpoint, 'an endpoint of a service');
    return this.#text.sign(this.#known[0]!.learn(id));
  }

  read(token: string | undefined, endpoints: readonly Identified[]): string | undefined {
    const opened = this.#text.open(token);
    if (opened === undefined) return undefined;
    const known = this.#known[opened.key]!;
    known.learnAll(endpoints);
    return known.idOf(opened.payload);
  }
}

const audience: Reader<string> = (value, name) => {
  if (typeof value === 'string' && value !== '') return value;
  throw invalidOption(name, value, "the name of the service that the tokens are for, such as 'carts'");
};
