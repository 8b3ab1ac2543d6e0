import type { Endpoint } from '../../endpoint/endpoint.js';
import { invalidOption, type Reader, readOptions, text, textList } from '../../runtime/options.js';
import type { RouteSubset } from '../route.js';

/** Whether an endpoint is selected. */
export type Selects = (endpoint: Endpoint) => boolean;

const metaEntries: Reader<Readonly<Record<string, string>>> = (value, name) => {
  if (value === undefined) return {};
  const isMeta = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (isMeta && Object.values(value).every((each) => typeof each === 'string')) return value as Record<string, string>;
  throw invalidOption(name, value, 'an object of strings by name');
};

/** The keys of a selector, for options that hold one among others. */
export const SELECTOR_SCHEMA: {
  readonly [Key in keyof RouteSubset]-?: Reader<RouteSubset[Key]>;
} = { tags: textList(), version: text(undefined), meta: metaEntries };

/** Reads a selector; one that says nothing is refused, as it would take every endpoint. */
export function readSelector(value: unknown, name: string): Selects {
  return selectorOf(readOptions<RouteSubset>(name, value, SELECTOR_SCHEMA), name);
}

/** What was read as a selector, as a function. */
export function selectorOf({ version, tags = [], meta = {} }: RouteSubset, name: string): Selects {
  const entries = Object.entries(meta);
  if (version !== undefined) entries.push(['version', version]);
  if (entries.length === 0 && tags.length === 0) throw invalidOption(name, {}, 'an object with version, tags or meta');
  return ({ spec }) =>
    tags.every((tag) => spec.tags.includes(tag)) &&
    entries.every(([key, wanted]) => Object.hasOwn(spec.meta, key) && spec.meta[key] === wanted);
}
