import {
  checkName,
  invalidOption,
  optional,
  type Reader,
  readOptions,
  type Schema,
  text,
  textList,
} from '../runtime/options.js';
import { normalHost } from './host-name.js';
import { MATCH_ALL, type MatchSettings } from './match.js';
import { ANY_PATH, readPathPattern } from './path-pattern.js';
import type { Route, RouteMatch, RouteSubset, ValueMatch } from './route.js';

/** A route, read. */
export interface RouteSettings {
  readonly name: string;
  readonly matches: readonly MatchSettings[];
  readonly service: string | undefined;
  readonly subset: RouteSubset | undefined;
}

/** RFC 9110, 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

const oneOrMore = <T>(one: (value: unknown, name: string) => T): Reader<readonly T[] | undefined> =>
  optional((value, name) => {
    if (!Array.isArray(value)) return [one(value, name)];
    if (value.length === 0) throw invalidOption(name, value, 'one or more');
    return value.map((each, i) => one(each, `${name}[${i}]`));
  });

function host(value: unknown, name: string): string {
  const allowed = "a host such as 'users.example.com' or '*.example.com', without a port";
  if (typeof value !== 'string' || !/^(\[[\da-fA-F:.]+\]|[^/@:\s]+)$/.test(value))
    throw invalidOption(name, value, allowed);
  const wild = value.startsWith('*.');
  const normal = normalHost(wild ? value.slice(2) : value);
  if (normal === '') throw invalidOption(name, value, allowed);
  return wild ? `*.${normal}` : normal;
}

function method(value: unknown, name: string): string {
  if (typeof value === 'string' && TOKEN.test(value)) return value;
  throw invalidOption(name, value, "a method such as 'GET'");
}

function valueMatch(value: unknown, name: string): ValueMatch {
  if (typeof value === 'string') return value;
  if (Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'string')) return value;
  if (typeof value === 'object' && value !== null && Object.keys(value).length === 1) {
    const { prefix, present } = value as { readonly prefix?: unknown; readonly present?: unknown };
    if (typeof prefix === 'string' || typeof present === 'boolean') return value as ValueMatch;
  }
  throw invalidOption(name, value, 'a string, several, { prefix } or { present }');
}

/** Reads values to match, by name; `nameOf` says what a name is, or refuses it. */
export const values =
  (nameOf: (name: string, option: string) => string): Reader<readonly (readonly [string, ValueMatch])[]> =>
  (value, option) => {
    if (value === undefined) return [];
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw invalidOption(option, value, 'an object of values by name');
    return Object.entries(value).map(([name, each]) => [nameOf(name, option), valueMatch(each, `${option}.${name}`)]);
  };

export function headerName(name: string, option: string): string {
  if (TOKEN.test(name)) return name.toLowerCase();
  throw invalidOption(option, name, 'names of headers');
}

const MATCH: Schema<Record<keyof RouteMatch, unknown>> = {
  host: oneOrMore(host),
  path: (value, name) => (value === undefined ? ANY_PATH : readPathPattern(value, name)),
  method: oneOrMore(method),
  headers: values(headerName),
  query: values((name) => name),
};

function match(value: unknown, name: string): MatchSettings {
  const { host, path, method, headers, query } = readOptions<Record<keyof RouteMatch, never>>(
    name,
    value,
    MATCH as never,
  );
  return { hosts: host ?? [], path, methods: method && new Set(method), headers, query };
}

const subset: Reader<RouteSubset | undefined> = optional((value, name) =>
  readOptions<RouteSubset>(name, value, {
    tags: optional(textList()),
    version: text(undefined),
    meta: optional((given, option) => {
      const isMeta = typeof given === 'object' && given !== null && !Array.isArray(given);
      if (isMeta && Object.values(given).every((each) => typeof each === 'string')) return given as never;
      throw invalidOption(option, given, 'an object of strings by name');
    }),
  } as never),
);

const ROUTE: Schema<Record<keyof Route, unknown>> = {
  name: text(undefined),
  match: oneOrMore(match),
  service: optional(checkName),
  subset,
};

/**
 * Reads routes; `name` is the option that they are the value of. Throws FAIRLEAD_INVALID_OPTION;
 * also for two routes of one name.
 */
export function readRoutes(value: unknown, name: string): readonly RouteSettings[] {
  if (!Array.isArray(value)) throw invalidOption(name, value, 'an array of routes');
  const taken = new Set<string>();
  return value.map((each, i) => {
    const option = `${name}[${i}]`;
    if (each === undefined) throw invalidOption(option, each, 'a route');
    const read = readOptions<Record<keyof Route, never>>(option, each, ROUTE as never);
    const own = (read.name as string | undefined) ?? `route ${i}`;
    if (taken.has(own)) throw invalidOption(`${option}.name`, own, 'a name that no other route has');
    taken.add(own);
    return { ...read, name: own, matches: (read.match as readonly MatchSettings[] | undefined) ?? [MATCH_ALL] };
  });
}
