import { FIELD_VALUE, TOKEN, token } from '../runtime/http-fields.js';
import {
  boolean,
  described,
  fields,
  integer,
  invalidOption,
  isRecord,
  number,
  oneOf,
  optional,
  type Reader,
  required,
  type Schema,
  text,
} from '../runtime/options.js';
import type { HeaderEdits, RateKey, RouteKey, RouteKeyForm } from './route-parts.js';

const PATH = /^\/[\x21-\x22\x24-\x3e\x40-\x5b\x5d-\x7e]*$/;

export function matching(pattern: RegExp, allowed: string): Reader<string> {
  return described({ shape: { type: 'text', pattern, mayBeEmpty: pattern.test('') } }, (value, name) => {
    if (typeof value === 'string' && pattern.test(value)) return value;
    throw invalidOption(name, value, allowed);
  });
}

export function listOf<T>(item: Reader<T>, allowed: string, min = 0): Reader<readonly T[]> {
  return described({ shape: { type: 'list', items: item, min } }, (value, name) => {
    if (!Array.isArray(value) || value.length < min) throw invalidOption(name, value, allowed);
    return value.map((each, i) => item(each, `${name}[${i}]`));
  });
}

/** Any text, the empty one too. */
export const texts: Reader<string> = described({ shape: { type: 'text', mayBeEmpty: true } }, (value, name) => {
  if (typeof value === 'string') return value;
  throw invalidOption(name, value, 'a string');
});

const fieldValue = matching(FIELD_VALUE, 'text of one line, of single bytes');
const path = matching(PATH, "a path such as '/v2' or '/v2/{id}', without a query");
const authority = matching(/^[^\s/?#@\\,]+$/, 'a host');

const fieldsByName: Reader<readonly string[]> = described(
  { shape: { type: 'map', values: fieldValue, names: TOKEN }, fallback: {} },
  (value, name) => {
    if (value === undefined) return [];
    if (!isRecord(value)) throw invalidOption(name, value, 'an object of values by the names of headers');
    return Object.entries(value).flatMap(([key, each]) => [token(key, name), fieldValue(each, `${name}.${key}`)]);
  },
);

const names: Reader<readonly string[] | undefined> = optional(listOf(token, 'an array of names'));

/** Header edits, read: names in lower case, and flat lists of names and values. */
export interface EditSettings {
  /** Of what is there: those to remove, and those that are set. */
  readonly without: ReadonlySet<string>;
  readonly added: readonly string[];
}

export const readEdits: Reader<EditSettings | undefined> = optional(
  fields<{ [Key in keyof Required<HeaderEdits>]: readonly string[] }, EditSettings>(
    { remove: listOrNone(), set: fieldsByName, add: fieldsByName },
    ({ remove, set, add }, name) => {
      const all = [...remove, ...set.filter((_, i) => i % 2 === 0), ...add.filter((_, i) => i % 2 === 0)];
      const framing = all.find((each) => FRAMING.has(each.toLowerCase()));
      // Whoever edits these makes two requests of one: they follow from the body.
      if (framing !== undefined) throw invalidOption(name, framing, 'headers other than those of framing and Host');
      return {
        without: new Set([...remove, ...set.filter((_, i) => i % 2 === 0)].map((each) => each.toLowerCase())),
        added: [...set, ...add],
      };
    },
    'no header of framing, nor Host',
  ),
);

const FRAMING: ReadonlySet<string> = new Set([
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'upgrade',
  'te',
  'trailer',
  'expect',
  'host',
]);

function listOrNone(): Reader<readonly string[]> {
  return described({ shape: { type: 'list', items: token }, fallback: [] }, (value, name) => names(value, name) ?? []);
}

const KEYS = '{ header }, { cookie }, { query }, { segment } or { address: true }';
const keyShapes: Schema<{ readonly [Key in keyof Required<RouteKeyForm>]: RouteKeyForm[Key] | undefined }> = {
  header: optional(token),
  cookie: optional(token),
  query: text(undefined),
  segment: optional(integer(0, 0, 1_000)),
  address: optional(boolean(true)),
};

export const oneKey: Reader<RouteKey> = described(
  {
    shape: { type: 'object', fields: keyShapes as Schema<object>, one: Object.keys(keyShapes) },
  },
  (value, name) => {
    const [kind, more] = isRecord(value) ? Object.keys(value) : [];
    if (kind === undefined || more !== undefined || !Object.hasOwn(keyShapes, kind))
      throw invalidOption(name, value, KEYS);
    const given = (value as Record<string, unknown>)[kind];
    const read = keyShapes[kind as keyof RouteKeyForm](given, `${name}.${kind}`);
    if (read === undefined || read === false) throw invalidOption(name, value, KEYS);
    return value as RouteKey;
  },
);

const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;

export interface AffinitySettings {
  readonly cookie: string | undefined;
  readonly ttlMs: number;
}

export const readAffinity: Reader<AffinitySettings | undefined> = optional(
  fields<AffinitySettings>({ cookie: optional(token), ttlMs: integer(DAY_MS, 1_000, YEAR_MS) }),
);

export interface RewriteSettings {
  readonly path: string | undefined;
  readonly host: string | undefined;
}

export const readRewrite: Reader<RewriteSettings | undefined> = optional(
  fields<RewriteSettings>({ path: optional(path), host: optional(authority) }),
);

export interface RedirectSettings {
  readonly status: number;
  readonly scheme: 'http' | 'https' | undefined;
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly path: string | undefined;
}

const redirectStatus: Reader<number> = described(
  { shape: { type: 'integer', min: 301, max: 308, only: (value) => REDIRECTS.has(value) }, fallback: 302 },
  (value, name) => {
    if (value === undefined) return 302;
    if (REDIRECTS.has(value as number)) return value as number;
    throw invalidOption(name, value, '301, 302, 303, 307 or 308');
  },
);
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export const readRedirect: Reader<RedirectSettings | undefined> = optional(
  fields<RedirectSettings>({
    status: redirectStatus,
    scheme: optional(oneOf<'http' | 'https'>('https', 'http', 'https')),
    host: optional(authority),
    port: optional(integer(443, 1, 65_535)),
    path: optional(path),
  }),
);

export interface ResponseSettings {
  readonly status: number;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly body: string | undefined;
}

export const readResponse: Reader<ResponseSettings | undefined> = optional(
  fields<ResponseSettings>({
    status: required(integer(200, 200, 599), 'a whole number from 200 to 599'),
    headers: fieldsByName,
    body: optional(matching(/^[\s\S]*$/, 'a string')),
  }),
);

export interface FallbackSettings extends ResponseSettings {
  readonly by: string | undefined;
  readonly statuses: readonly number[] | undefined;
}

const failures = listOf(
  required(integer(503, 400, 599), 'a status from 400 to 599'),
  'an array of statuses from 400 to 599',
);

export const readFallback: Reader<FallbackSettings | undefined> = optional(
  fields<FallbackSettings>({
    status: integer(503, 200, 599),
    headers: fieldsByName,
    body: optional(matching(/^[\s\S]*$/, 'a string')),
    by: text(undefined),
    statuses: optional(failures),
  }),
);

export interface CorsSettings {
  readonly origins: readonly string[];
  readonly methods: readonly string[];
  readonly headers: readonly string[] | undefined;
  readonly expose: readonly string[] | undefined;
  readonly credentials: boolean;
  readonly maxAgeS: number;
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];
const origin = matching(/^(\*|[a-z][a-z0-9+.-]*:\/\/[^\s/?#]+)$/, "an origin such as 'https://app.example', or '*'");

export const readCors: Reader<CorsSettings | undefined> = optional(
  fields<CorsSettings, CorsSettings>(
    {
      origins: required(listOf(origin, 'one or more origins', 1), 'one or more origins'),
      methods: described({ shape: { type: 'list', items: token }, fallback: METHODS }, (value, name) => {
        return names(value, name) ?? METHODS;
      }),
      headers: names,
      expose: names,
      credentials: boolean(false),
      maxAgeS: integer(600, 0, 86_400),
    },
    (read, name) => {
      if (read.credentials && read.origins.includes('*'))
        throw invalidOption(`${name}.credentials`, true, "false where the origins are '*'");
      return read;
    },
    "`credentials` is not allowed where the origins are '*'",
  ),
);

export interface RetriesSettings {
  readonly maxAttempts: number | undefined;
  readonly statuses: readonly number[] | undefined;
  readonly idempotent: boolean | undefined;
  readonly idempotencyKey: boolean;
  readonly replayBytes: number | undefined;
}

export const readRetries: Reader<RetriesSettings | undefined> = optional(
  fields<RetriesSettings>({
    maxAttempts: optional(integer(3, 1, 100)),
    statuses: optional(failures),
    idempotent: optional(boolean(false)),
    idempotencyKey: boolean(false),
    replayBytes: optional(integer(65_536, 0, 1_073_741_824)),
  }),
);

export interface TimeoutsSettings {
  readonly responseMs: number | undefined;
  readonly headersMs: number | undefined;
  readonly idleMs: number | undefined;
}

export const readTimeouts: Reader<TimeoutsSettings | undefined> = optional(
  fields<TimeoutsSettings>({
    responseMs: optional(number(1, 1, DAY_MS)),
    headersMs: optional(number(1, 1, DAY_MS)),
    idleMs: optional(number(0, 0, DAY_MS)),
  }),
);

export interface RateLimitSettings {
  readonly requests: number;
  readonly windowS: number;
  readonly by: 'client' | 'route' | RateKey;
  readonly store: string | undefined;
}

const byHeader = fields<RateKey>({ header: required(token, 'the name of a header') });
const byName = oneOf<'client' | 'route'>('client', 'client', 'route');

export const readRateLimit: Reader<RateLimitSettings | undefined> = optional(
  fields<RateLimitSettings>({
    requests: required(integer(1, 1, 1e9), 'a whole number from 1 to 1,000,000,000'),
    windowS: integer(60, 1, 86_400),
    by: described({ shape: { type: 'choice', of: [byName, byHeader] }, fallback: 'client' }, (value, name) =>
      isRecord(value) ? byHeader(value, name) : byName(value, name),
    ),
    store: text(undefined),
  }),
);
