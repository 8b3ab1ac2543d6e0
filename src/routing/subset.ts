import type { EndpointSpec } from '../endpoint/endpoint.js';
import { described, invalidOption, isRecord, optional, type Reader, text, textList } from '../runtime/options.js';
import { texts } from './read-parts.js';
import type { RouteSubset } from './route.js';

const meta = described({ shape: { type: 'map', values: texts } }, (value, name) => {
  if (isRecord(value) && Object.values(value).every((each) => typeof each === 'string')) return value;
  throw invalidOption(name, value, 'an object of strings by name');
}) as Reader<Readonly<Record<string, string>>>;

/** The keys of a subset, for options that are one, or hold one among others. */
export const SUBSET_FIELDS: {
  readonly [Key in keyof RouteSubset]-?: Reader<RouteSubset[Key]>;
} = { tags: optional(textList()), version: text(undefined), meta: optional(meta) };

/** Whether an endpoint is of a subset. */
export function isOf({ tags = [], version, meta: wanted = {} }: RouteSubset, spec: EndpointSpec): boolean {
  if (version !== undefined && spec.meta.version !== version) return false;
  if (!tags.every((tag) => spec.tags.includes(tag))) return false;
  return Object.entries(wanted).every(([name, value]) => spec.meta[name] === value);
}
