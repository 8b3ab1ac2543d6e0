import type { PolicySpec } from '../balancing/spec.js';
import { TOKEN, token } from '../runtime/http-fields.js';
import {
  boolean,
  checkName,
  described,
  fields,
  integer,
  invalidOption,
  isRecord,
  optional,
  type Reader,
  required,
  text,
  unchecked,
} from '../runtime/options.js';
import { normalHost } from './host-name.js';
import { MATCH_ALL, type MatchSettings } from './match.js';
import { ANY_PATH, readPathPattern } from './path-pattern.js';
import {
  type AffinitySettings,
  type CorsSettings,
  type EditSettings,
  type FallbackSettings,
  listOf,
  oneKey,
  type RateLimitSettings,
  type RedirectSettings,
  type ResponseSettings,
  type RetriesSettings,
  type RewriteSettings,
  readAffinity,
  readCors,
  readEdits,
  readFallback,
  readRateLimit,
  readRedirect,
  readResponse,
  readRetries,
  readRewrite,
  readTimeouts,
  type TimeoutsSettings,
  texts,
} from './read-parts.js';
import type { Route, RouteMatch, RouteSubset, ValueForm, ValueMatch } from './route.js';
import type { RouteKey } from './route-parts.js';
import { SUBSET_FIELDS } from './subset.js';

/** A route, read. */
export interface RouteSettings {
  readonly name: string;
  readonly matches: readonly MatchSettings[];
  readonly service: string | undefined;
  readonly subset: RouteSubset | undefined;
  readonly policy: PolicySpec | undefined;
  readonly key: readonly RouteKey[] | undefined;
  readonly affinity: AffinitySettings | undefined;
  readonly rewrite: RewriteSettings | undefined;
  readonly requestHeaders: EditSettings | undefined;
  readonly responseHeaders: EditSettings | undefined;
  readonly redirect: RedirectSettings | undefined;
  readonly response: ResponseSettings | undefined;
  readonly fallback: FallbackSettings | undefined;
  readonly cors: CorsSettings | undefined;
  readonly retries: RetriesSettings | undefined;
  readonly timeouts: TimeoutsSettings | undefined;
  readonly rateLimit: RateLimitSettings | undefined;
  readonly maxInflight: number | undefined;
  readonly maxBodyBytes: number | undefined;
}

/** One, or an array of one or more. */
function oneOrMore<T>(one: Reader<T>): Reader<readonly T[] | undefined> {
  const several = listOf(one, 'one or more', 1);
  return optional(
    described({ shape: { type: 'choice', of: [one, several] } }, (value, name) =>
      Array.isArray(value) ? several(value, name) : [one(value, name)],
    ),
  );
}

const HOST = /^(\[[\da-fA-F:.]+\]|[^/@:\s]+)$/;
/** What else a path may not have, its reader knows. */
const PATH = /^\/[^?#\s\\]*$/;

const host: Reader<string> = described({ shape: { type: 'text', pattern: HOST } }, (value, name) => {
  const allowed = "a host such as 'users.example.com' or '*.example.com', without a port";
  if (typeof value !== 'string' || !HOST.test(value)) throw invalidOption(name, value, allowed);
  const wild = value.startsWith('*.');
  const normal = normalHost(wild ? value.slice(2) : value);
  if (normal === '') throw invalidOption(name, value, allowed);
  return wild ? `*.${normal}` : normal;
});

const form = fields<{ readonly [Key in keyof Required<ValueForm>]: ValueForm[Key] | undefined }>(
  { prefix: optional(texts), present: optional(boolean(true)) },
  undefined,
  { one: ['prefix', 'present'] },
);
const VALUES = 'a string, several, { prefix } or { present }';
const valueMatch: Reader<ValueMatch> = described(
  {
    shape: {
      type: 'choice',
      of: [texts, listOf(texts, VALUES, 1), form],
    },
  },
  (value, name) => {
    if (typeof value === 'string') return value;
    if (Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'string')) return value;
    if (isRecord(value) && Object.keys(value).length === 1) {
      const { prefix, present } = value;
      if (typeof prefix === 'string' || typeof present === 'boolean') return value as unknown as ValueMatch;
    }
    throw invalidOption(name, value, VALUES);
  },
);

type Values = readonly (readonly [name: string, match: ValueMatch])[];

/** Reads values to match, by name; `nameOf` says what a name is, or refuses it. */
export const values = (nameOf: (name: string, option: string) => string, names?: RegExp): Reader<Values> =>
  described(
    { shape: { type: 'map', values: valueMatch, ...(names && { names }) }, fallback: {} },
    (value, option): Values => {
      if (value === undefined) return [];
      if (!isRecord(value)) throw invalidOption(option, value, 'an object of values by name');
      return Object.entries(value).map(([name, each]) => [nameOf(name, option), valueMatch(each, `${option}.${name}`)]);
    },
  );

export function headerName(name: string, option: string): string {
  return token(name, option).toLowerCase();
}

const match: Reader<MatchSettings> = fields<Record<keyof RouteMatch, never>, MatchSettings>(
  {
    host: oneOrMore(host),
    path: described({ shape: { type: 'text', pattern: PATH } }, (value, name) =>
      value === undefined ? ANY_PATH : readPathPattern(value, name),
    ),
    method: oneOrMore(token),
    headers: values(headerName, TOKEN),
    query: values((name) => name),
  } as never,
  ({ host: hosts, path, method, headers, query }) => ({
    hosts: hosts ?? [],
    path,
    methods: method && new Set(method),
    headers,
    query,
  }),
);

const subset = optional(fields<RouteSubset>(SUBSET_FIELDS as never));

const service: Reader<string> = described({ shape: { type: 'text' } }, checkName);

type ReadRoute = Omit<RouteSettings, 'name'> & { name?: string };

const routeReader = (policy: Reader<PolicySpec | undefined>): Reader<ReadRoute> =>
  fields<{ readonly [Key in keyof Route]-?: never }, ReadRoute>(
    {
      name: text(undefined),
      match: oneOrMore(match),
      service: optional(service),
      subset,
      policy,
      key: oneOrMore(oneKey),
      affinity: readAffinity,
      rewrite: readRewrite,
      requestHeaders: readEdits,
      responseHeaders: readEdits,
      redirect: readRedirect,
      response: readResponse,
      fallback: readFallback,
      cors: readCors,
      retries: readRetries,
      timeouts: readTimeouts,
      rateLimit: readRateLimit,
      maxInflight: optional(integer(1, 1, 1_000_000)),
      maxBodyBytes: optional(integer(0, 0, Number.MAX_SAFE_INTEGER)),
    } as never,
    ({ match: matches, ...read }, name) => {
      const ends = [read.service, read.redirect, read.response].filter((each) => each !== undefined);
      if (ends.length !== 1)
        throw invalidOption(name, `a route with ${ends.length} of them`, 'service, redirect or response, one of them');
      return { ...(read as object), matches: matches ?? [MATCH_ALL] } as never;
    },
    { one: ['service', 'redirect', 'response'] },
  );

/**
 * Reads routes; the name is the option that they are the value of. Throws FAIRLEAD_INVALID_OPTION;
 * also for two routes of one name. `policy` reads a route's own: unread by default, as the mesh
 * knows its policies.
 */
export function routesReader(policy: Reader<PolicySpec> = unchecked() as never): Reader<readonly RouteSettings[]> {
  const readRoute = routeReader(optional(policy));
  const list = listOf(required(readRoute, 'a route'), 'an array of routes');
  return described({ shape: { type: 'list', items: readRoute } }, (value, name) => {
    const taken = new Set<string>();
    return list(value, name).map((read, i) => {
      const own = read.name ?? `route ${i}`;
      if (taken.has(own)) throw invalidOption(`${name}[${i}].name`, own, 'a name that no other route has');
      taken.add(own);
      return { ...read, name: own };
    });
  });
}

export const readRoutes: Reader<readonly RouteSettings[]> = routesReader();
