import { invalidOption, number, oneOf, type Reader, readOptions, text } from '../../runtime/options.js';
import type { RouteSubset } from '../route.js';
import { SUBSET_FIELDS } from '../subset.js';
import { BUCKETS, bucketCount } from './buckets.js';
import { type RuleSettings, rulesReader, type SplitRule } from './rules.js';
import { readSelector, type Selects, selectorOf } from './selector.js';

export interface ArmOptions extends RouteSubset {
  /** Percent of the calls, in steps of 0.01; 0 to 100. */
  readonly share: number;
}

export interface SplitOptions {
  /**
   * Salts the hash by which keys are shared out: another name is another draw. Keep it over
   * versions, so that a new one does not shuffle the users; change it for a new experiment.
   */
  readonly name: string;
  /** The versions beside the baseline, at most 100, by name. Their shares add up to at most 100. */
  readonly arms: Readonly<Record<string, ArmOptions>>;
  /** Which endpoints are the baseline's. Default: all that no arm selects. */
  readonly baseline?: RouteSubset;
  /** Looked at in their order, before the shares. Default: none. */
  readonly rules?: readonly SplitRule[];
  /** A label that a call is shared out by, such as a user's id. Default: the call's key. */
  readonly by?: string;
  /**
   * A call without that: `random` (default) draws an arm for each call by the shares; `baseline`
   * goes there.
   */
  readonly withoutKey?: 'random' | 'baseline';
}

export const BASELINE = 'baseline';
const MAX_ARMS = 100;
const ARM_NAME = /^[\w.-]{1,64}$/;

export interface ArmSettings {
  readonly name: string;
  readonly percent: number;
  readonly has: Selects;
  /** The same for the same endpoints: an arm whose share alone changes stays the same part. */
  readonly selects: string;
}

export interface SplitSettings {
  readonly name: string;
  readonly arms: readonly ArmSettings[];
  readonly baseline: Selects | undefined;
  readonly baselineSelects: string;
  readonly rules: readonly RuleSettings[];
  readonly by: string | undefined;
  readonly withoutKey: 'random' | 'baseline';
}

const share: Reader<number> = (value, name) => {
  if (value === undefined) throw invalidOption(name, value, 'a number from 0 to 100');
  const percent = number(0, 0, 100)(value, name);
  if (percent > 0 && bucketCount(percent) === 0) throw invalidOption(name, value, 'at least 0.01, or 0');
  return percent;
};

const arms: Reader<readonly ArmSettings[]> = (value, name) => {
  const entries = typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
  if (entries.length === 0 || entries.length > MAX_ARMS) {
    throw invalidOption(name, value, `an object of 1 to ${MAX_ARMS} arms by name`);
  }
  const read = entries.map(([arm, options]) => readArm(arm, options, name));
  const sum = read.reduce((total, { percent }) => total + bucketCount(percent), 0);
  if (sum > BUCKETS) throw invalidOption(`the shares of ${name} together`, sum / 100, 'at most 100');
  return read;
};

function readArm(arm: string, options: unknown, name: string): ArmSettings {
  if (!ARM_NAME.test(arm) || arm === BASELINE) {
    throw invalidOption(`the name of an arm in ${name}`, arm, `1 to 64 letters, digits, . _ or -, but not ${BASELINE}`);
  }
  const where = `${name}.${arm}`;
  const { share: percent, ...selector } = readOptions<ArmOptions>(where, options, {
    share,
    ...SUBSET_FIELDS,
  } as never);
  return { name: arm, percent, has: selectorOf(selector, where), selects: JSON.stringify(selector) };
}

/** Reads a split. Throws FAIRLEAD_INVALID_OPTION. */
export function readSplit(value: unknown, name: string): SplitSettings {
  const read = readOptions<Record<string, unknown>>(name, value, {
    name: text(undefined),
    arms,
    baseline: (given, where) => (given === undefined ? undefined : readSelector(given, where)),
    rules: (given) => given,
    by: text(undefined),
    withoutKey: oneOf('random', 'random', 'baseline'),
  }) as unknown as SplitSettings & { rules: unknown };
  if (read.name === undefined) throw invalidOption(`${name}.name`, read.name, 'a string that is not empty');
  const names = new Set([...read.arms.map((arm) => arm.name), BASELINE]);
  return {
    ...read,
    by: read.by?.toLowerCase(),
    baselineSelects: JSON.stringify((value as SplitOptions).baseline ?? null),
    rules: rulesReader(names)(read.rules, `${name}.rules`),
  };
}
