/** What a request is hashed or sticky by; a segment of the path counts from 0. */
export type RouteKey =
  | { readonly header: string }
  | { readonly cookie: string }
  | { readonly query: string }
  | { readonly segment: number }
  /** The client's address. */
  | { readonly address: true };

/** One of them. */
export interface RouteKeyForm {
  /** The header of this name. */
  readonly header?: string;
  /** The cookie of this name. */
  readonly cookie?: string;
  /** The parameter of this name. */
  readonly query?: string;
  /** This segment of the path; the first is 0. */
  readonly segment?: number;
  /** The client's address; only `true`. */
  readonly address?: boolean;
}

export interface RouteAffinity {
  /** The name of the cookie. Default `fairlead`, with `__Host-` in front over TLS. */
  readonly cookie?: string;
  /** How long it holds; milliseconds. Default 86,400,000; 1,000 to 31,536,000,000. */
  readonly ttlMs?: number;
}

export interface RouteRewrite {
  /**
   * What the matched part of the path becomes: of `/users/*` that is `/users`, and what follows
   * stays. May use what stood in braces: `/v2/{id}`.
   */
  readonly path?: string;
  /** The Host that the service sees. */
  readonly host?: string;
}

/** First `remove`, then `set`, then `add`. Names in any case. */
export interface HeaderEdits {
  /** By name. */
  readonly remove?: readonly string[];
  /** In place of what there is. */
  readonly set?: Readonly<Record<string, string>>;
  /** Beside what there is. */
  readonly add?: Readonly<Record<string, string>>;
}

/** Parts that are not given stay as the client sent them; the query always does. */
export interface Redirect {
  /** Default 302. */
  readonly status?: 301 | 302 | 303 | 307 | 308;
  /** Default: the client's. */
  readonly scheme?: 'http' | 'https';
  /** Default: the client's. */
  readonly host?: string;
  /** Default: the client's, or none where scheme or host are given. */
  readonly port?: number;
  /** As that of `RouteRewrite`. */
  readonly path?: string;
}

export interface RouteResponse {
  /** 200 to 599. */
  readonly status: number;
  /** Values by name. Default: none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: empty. */
  readonly body?: string;
}

/** What is answered where the service of a route did not serve a request. */
export interface RouteFallback {
  /** 200 to 599. Default 503. */
  readonly status?: number;
  /** Values by name. Default: none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: empty. */
  readonly body?: string;
  /**
   * That one of the gateway's `fallbacks` makes the answer, and the values above are for where it
   * fails. Default: they are the answer.
   */
  readonly by?: string;
  /** It also stands in for responses of these statuses, 400 to 599. Default: none. */
  readonly statuses?: readonly number[];
}

export interface Cors {
  /** Origins such as `https://app.example`, or `*` for all. */
  readonly origins: readonly string[];
  /** Default: GET, HEAD, POST, PUT, PATCH, DELETE. */
  readonly methods?: readonly string[];
  /** Headers that requests may have. Default: those that the browser asks for. */
  readonly headers?: readonly string[];
  /** Headers that programs may see. Default: those that browsers always show. */
  readonly expose?: readonly string[];
  /** Whether cookies may be sent; not with `*`. Default false. */
  readonly credentials?: boolean;
  /** How long browsers may remember it; seconds. Default 600; 0 to 86,400. */
  readonly maxAgeS?: number;
}

export interface RouteRetries {
  /** No more attempts than this in all. Default: the service's; 1 to 100. */
  readonly maxAttempts?: number;
  /** Statuses after which a request that may be made twice is. Default: none. */
  readonly statuses?: readonly number[];
  /** Whether requests may be made twice. Default: GET, HEAD, OPTIONS, TRACE, PUT and DELETE. */
  readonly idempotent?: boolean;
  /** Those that have an Idempotency-Key may be made twice as well. Default false. */
  readonly idempotencyKey?: boolean;
  /** A longer body is not sent again; bytes. Default 65,536; 0 to 1,073,741,824. */
  readonly replayBytes?: number;
}

/** Milliseconds; 1 to 86,400,000. */
export interface RouteTimeouts {
  /** From the request to the headers of its response, repeats included: 504 then. Default: none. */
  readonly responseMs?: number;
  /** Each attempt's, to the headers. Default 300,000. */
  readonly headersMs?: number;
  /** Between two parts of a response's body; 0 for any time. Default 300,000. */
  readonly idleMs?: number;
}

export interface RateKey {
  /** Each value of the header of this name. */
  readonly header: string;
}

export interface RouteRateLimit {
  /** Requests within a window; 1 to 1,000,000,000. */
  readonly requests: number;
  /** Length of the window; seconds. Default 60; 1 to 86,400. */
  readonly windowS?: number;
  /**
   * Who has a limit of its own: each client, by its address; the route as a whole; each value of a
   * header (requests without it share one). Default `client`.
   */
  readonly by?: 'client' | 'route' | RateKey;
  /** Counted by that one of the gateway's `rateLimiters`. Default: in this process. */
  readonly store?: string;
}
