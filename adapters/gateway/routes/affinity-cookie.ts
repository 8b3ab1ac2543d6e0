import type { RouteSettings } from '../../../src/adapter.js';
import {
  type AffinityTokens,
  affinityTokens,
  type Clock,
  cookieKey,
  type Endpoint,
  type TokenKey,
} from '../../../src/index.js';

type AffinitySettings = NonNullable<RouteSettings['affinity']>;

/** Keeps clients on their endpoints by a cookie that names one without revealing it. */
export class AffinityCookie {
  readonly #name: string | undefined;
  readonly #maxAgeS: number;
  readonly #tokens: AffinityTokens;

  constructor({ cookie, ttlMs }: AffinitySettings, service: string, keys: readonly TokenKey[], clock: Clock) {
    this.#name = cookie;
    this.#maxAgeS = Math.ceil(ttlMs / 1_000);
    this.#tokens = affinityTokens({ keys, audience: service, ttlMs, clock });
  }

  /** The id of the endpoint that the client was with; undefined for a new or forged cookie. */
  endpointOf(cookies: string | undefined, endpoints: readonly Endpoint[], secure: boolean): string | undefined {
    if (cookies === undefined) return undefined;
    return this.#tokens.read(cookieKey(this.#nameFor(secure))({ cookie: cookies }), endpoints);
  }

  /** Set-Cookie for a client that is now with another endpoint. */
  setCookie(endpoint: Endpoint, secure: boolean): string {
    const flags = `Path=/; Max-Age=${this.#maxAgeS}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
    return `${this.#nameFor(secure)}=${this.#tokens.issue(endpoint)}; ${flags}`;
  }

  /** The Cookie header without ours, which is not the service's business; '' for none left. */
  without(cookies: string, secure: boolean): string {
    const name = this.#nameFor(secure);
    const others = cookies.split(';').filter((pair) => pair.split('=', 1)[0]!.trim() !== name);
    return others.join(';').trim();
  }

  #nameFor(secure: boolean): string {
    return this.#name ?? (secure ? '__Host-fairlead' : 'fairlead');
  }
}
