import { integer, invalidOption, number, optional, type Reader, readOptions, text } from '../../runtime/options.js';
import { type ApertureSettings, isPeer, type Peer } from './aperture.js';
import type { PriorityOptions } from './priority.js';
import type { SlowStartSettings } from './slow-start.js';
import type { ZoneSettings } from './zone.js';

/** An upper bound where none is natural. */
const MANY = 1_000_000;
const DAY_MS = 86_400_000;

export const readPriority: Reader<Required<PriorityOptions>> = (value, name) =>
  readOptions(name, value, { overprovisioning: number(1.4, 1, 100) });

export const readSlowStart: Reader<SlowStartSettings | undefined> = optional((value, name) =>
  readOptions<SlowStartSettings>(name, value, {
    windowMs: required(number(0, 100, DAY_MS), 'a number of milliseconds from 100 to 86400000'),
    aggression: positive(1, 100),
    minWeightRatio: number(0.1, 0.001, 1),
  }),
);

export const readZone: Reader<ZoneSettings | undefined> = optional((value, name) =>
  readOptions<ZoneSettings>(name, value, {
    local: required(text('') as Reader<string>, 'the name of the zone this process runs in'),
    minEndpoints: integer(6, 1, MANY),
    routedRatio: number(1, 0, 1),
    clients: optional(counts),
    forceLocalFrom: optional(integer(0, 1, MANY)),
  }),
);

export const readAperture: Reader<ApertureSettings | undefined> = optional((value, name) =>
  readOptions<ApertureSettings>(name, value, {
    size: integer(12, 1, MANY),
    peer: optional(peer),
    identity: text(undefined),
  }),
);

function required<T>(reader: Reader<T>, allowed: string): Reader<T> {
  return (value, name) => {
    if (value === undefined) throw invalidOption(name, value, allowed);
    return reader(value, name);
  };
}

/** A number above 0. */
function positive(fallback: number, max: number): Reader<number> {
  return (value, name) => {
    if (value === undefined) return fallback;
    if (typeof value === 'number' && value > 0 && value <= max) return value;
    throw invalidOption(name, value, `a number above 0 to ${max}`);
  };
}

const counts: Reader<Readonly<Record<string, number>>> = (value, name) => {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  const isCount = (each: unknown): boolean => typeof each === 'number' && each >= 0 && each < Number.POSITIVE_INFINITY;
  if (isObject && Object.values(value).every(isCount)) return value as Record<string, number>;
  throw invalidOption(name, value, 'an object of numbers by zone, such as { "eu-1a": 3, "eu-1b": 2 }');
};

const peer: Reader<() => Peer> = (value, name) => {
  if (typeof value === 'function') return value as () => Peer;
  const { index, total } = (value ?? {}) as Partial<Peer>;
  if (isPeer(index, total)) {
    const fixed = { index, total } as Peer;
    return () => fixed;
  }
  throw invalidOption(name, value, '{ index, total } with whole numbers and index from 0 to total - 1, or a function');
};
