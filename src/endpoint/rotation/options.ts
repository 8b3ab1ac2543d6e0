import {
  described,
  fields,
  integer,
  invalidOption,
  isRecord,
  number,
  optional,
  positive,
  type Reader,
  required,
  text,
} from '../../runtime/options.js';
import { type ApertureSettings, isPeer, type Peer } from './aperture.js';
import type { PriorityOptions } from './priority.js';
import type { SlowStartSettings } from './slow-start.js';
import type { ZoneSettings } from './zone.js';

/** An upper bound where none is natural. */
const MANY = 1_000_000;
const DAY_MS = 86_400_000;

const counts: Reader<Readonly<Record<string, number>>> = described(
  { shape: { type: 'map', values: number(0, 0, Number.MAX_VALUE) } },
  (value, name) => {
    const isCount = (each: unknown): boolean =>
      typeof each === 'number' && each >= 0 && each < Number.POSITIVE_INFINITY;
    if (isRecord(value) && Object.values(value).every(isCount)) return value as Record<string, number>;
    throw invalidOption(name, value, 'an object of numbers by zone, such as { "eu-1a": 3, "eu-1b": 2 }');
  },
);

const fixedPeer: Reader<Peer> = fields<Peer>(
  {
    index: required(integer(0, 0, Number.MAX_SAFE_INTEGER), 'a whole number from 0'),
    total: required(integer(1, 1, Number.MAX_SAFE_INTEGER), 'a whole number from 1'),
  },
  undefined,
  '`index` is less than `total`',
);

const peer: Reader<() => Peer> = described({ shape: fixedPeer.about!.shape }, (value, name) => {
  if (typeof value === 'function') return value as () => Peer;
  const { index, total } = (value ?? {}) as Partial<Peer>;
  if (isPeer(index, total)) {
    const fixed = { index, total } as Peer;
    return () => fixed;
  }
  throw invalidOption(name, value, '{ index, total } with whole numbers and index from 0 to total - 1, or a function');
});

export const readPriority: Reader<Required<PriorityOptions>> = fields<Required<PriorityOptions>>({
  overprovisioning: number(1.4, 1, 100),
});

export const readSlowStart: Reader<SlowStartSettings | undefined> = optional(
  fields<SlowStartSettings>({
    windowMs: required(number(0, 100, DAY_MS), 'a number of milliseconds from 100 to 86400000'),
    aggression: positive(1, 100),
    minWeightRatio: number(0.1, 0.001, 1),
  }),
);

export const readZone: Reader<ZoneSettings | undefined> = optional(
  fields<ZoneSettings>({
    local: required(text('') as Reader<string>, 'the name of the zone this process runs in'),
    minEndpoints: integer(6, 1, MANY),
    routedRatio: number(1, 0, 1),
    clients: optional(counts),
    forceLocalFrom: optional(integer(0, 1, MANY)),
  }),
);

export const readAperture: Reader<ApertureSettings | undefined> = optional(
  fields<ApertureSettings>({
    size: integer(12, 1, MANY),
    peer: optional(peer),
    identity: text(undefined),
  }),
);
