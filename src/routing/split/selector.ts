import type { Endpoint } from '../../endpoint/endpoint.js';
import { invalidOption, type Reader, readOptions, text } from '../../runtime/options.js';

/** Which endpoints are an arm's: those of which all of it is true. */
export interface EndpointSelector {
  /** `meta.version` of the endpoint. */
  readonly version?: string;
  /** A tag of the endpoint. */
  readonly tag?: string;
  /** Entries of the endpoint's `meta`. */
  readonly meta?: Readonly<Record<string, string>>;
}

export type SelectorSettings = (endpoint: Endpoint) => boolean;

const metaEntries: Reader<Readonly<Record<string, string>> | undefined> = (value, name) => {
  if (value === undefined) return undefined;
  const entries = typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.values(value) : [];
  if (entries.length > 0 && entries.every((each) => typeof each === 'string')) return value as Record<string, string>;
  throw invalidOption(name, value, 'an object of texts with at least one entry');
};

/** The keys of a selector, for options that hold one among others. */
export const SELECTOR_SCHEMA: {
  readonly version: Reader<string | undefined>;
  readonly tag: Reader<string | undefined>;
  readonly meta: Reader<Readonly<Record<string, string>> | undefined>;
} = { version: text(undefined), tag: text(undefined), meta: metaEntries };

/** Reads a selector; one that says nothing is refused, as it would take every endpoint. */
export function readSelector(value: unknown, name: string): SelectorSettings {
  return selectorOf(readOptions<EndpointSelector>(name, value, SELECTOR_SCHEMA), name);
}

/** What reads as a selector, as a function. */
export function selectorOf({ version, tag, meta }: EndpointSelector, name: string): SelectorSettings {
  const entries = Object.entries(meta ?? {});
  if (version !== undefined) entries.push(['version', version]);
  if (entries.length === 0 && tag === undefined) {
    throw invalidOption(name, { version, tag, meta }, 'an object with version, tag or meta');
  }
  return ({ spec }) =>
    (tag === undefined || spec.tags.includes(tag)) &&
    entries.every(([key, wanted]) => Object.hasOwn(spec.meta, key) && spec.meta[key] === wanted);
}
