import type { Endpoint } from '../../endpoint/endpoint.js';
import { fields, invalidOption, type Reader } from '../../runtime/options.js';
import type { RouteSubset } from '../route.js';
import { isOf, SUBSET_FIELDS } from '../subset.js';

/** Whether an endpoint is selected. */
export type Selects = (endpoint: Endpoint) => boolean;

/** A selector, read. */
export interface Selector {
  readonly has: Selects;
  /** The same text for the same endpoints. */
  readonly selects: string;
}

export const SELECTS_SOMETHING = { some: ['tags', 'version', 'meta'] } as const;

/** Reads a selector; one that says nothing is refused, as it would take every endpoint. */
export const readSelector: Reader<Selector> = fields<RouteSubset, Selector>(
  SUBSET_FIELDS as never,
  selectorOf,
  SELECTS_SOMETHING,
);

/** What was read as a selector, as a function. */
export function selectorOf(subset: RouteSubset, name: string): Selector {
  const { version, tags = [], meta = {} } = subset;
  if (version === undefined && tags.length === 0 && Object.keys(meta).length === 0) {
    throw invalidOption(name, {}, 'an object with version, tags or meta');
  }
  return { has: ({ spec }) => isOf(subset, spec), selects: JSON.stringify({ version, tags, meta }) };
}
