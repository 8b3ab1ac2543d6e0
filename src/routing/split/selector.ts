import type { Endpoint } from '../../endpoint/endpoint.js';
import { invalidOption, readOptions } from '../../runtime/options.js';
import type { RouteSubset } from '../route.js';
import { isOf, SUBSET_FIELDS } from '../subset.js';

/** Whether an endpoint is selected. */
export type Selects = (endpoint: Endpoint) => boolean;

/** Reads a selector; one that says nothing is refused, as it would take every endpoint. */
export function readSelector(value: unknown, name: string): Selects {
  return selectorOf(readOptions<RouteSubset>(name, value, SUBSET_FIELDS), name);
}

/** What was read as a selector, as a function. */
export function selectorOf(subset: RouteSubset, name: string): Selects {
  const { version, tags = [], meta = {} } = subset;
  if (version === undefined && tags.length === 0 && Object.keys(meta).length === 0) {
    throw invalidOption(name, {}, 'an object with version, tags or meta');
  }
  return ({ spec }) => isOf(subset, spec);
}
