import {
  described,
  fields,
  invalidOption,
  isRecord,
  number,
  oneOf,
  optional,
  type Reader,
  required,
  text,
} from '../../runtime/options.js';
import type { RouteSubset } from '../route.js';
import { SUBSET_FIELDS } from '../subset.js';
import { BUCKETS, bucketCount } from './buckets.js';
import { type RuleSettings, readRules, type SplitRule } from './rules.js';
import { readSelector, SELECTS_SOMETHING, type Selector, selectorOf } from './selector.js';

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
const ARM_NAME = /^(?!baseline$)[\w.-]{1,64}$/;

export interface ArmSettings extends Selector {
  readonly name: string;
  readonly percent: number;
}

export interface SplitSettings {
  readonly name: string;
  readonly arms: readonly ArmSettings[];
  readonly baseline: Selector | undefined;
  readonly rules: readonly RuleSettings[];
  readonly by: string | undefined;
  readonly withoutKey: 'random' | 'baseline';
}

const hundredth = (percent: number): boolean => percent === 0 || bucketCount(percent) > 0;

const share: Reader<number> = described(
  { shape: { type: 'number', min: 0, max: 100, only: hundredth }, required: true },
  (value, name) => {
    if (value === undefined) throw invalidOption(name, value, 'a number from 0 to 100');
    const percent = number(0, 0, 100)(value, name);
    if (!hundredth(percent)) throw invalidOption(name, value, 'at least 0.01, or 0');
    return percent;
  },
);

const readArm = fields<ArmOptions, Omit<ArmSettings, 'name'>>(
  { share, ...SUBSET_FIELDS } as never,
  ({ share: percent, ...subset }, name) => ({ percent, ...selectorOf(subset, name) }),
  SELECTS_SOMETHING,
);

const arms: Reader<readonly ArmSettings[]> = described(
  { shape: { type: 'map', values: readArm, names: ARM_NAME, min: 1, max: MAX_ARMS }, required: true },
  (value, name) => {
    const entries = isRecord(value) ? Object.entries(value) : [];
    if (entries.length === 0 || entries.length > MAX_ARMS) {
      throw invalidOption(name, value, `an object of 1 to ${MAX_ARMS} arms by name`);
    }
    const read = entries.map(([arm, options]) => {
      if (ARM_NAME.test(arm)) return { name: arm, ...readArm(options ?? null, `${name}.${arm}`) };
      const allowed = `1 to 64 letters, digits, . _ or -, but not ${BASELINE}`;
      throw invalidOption(`the name of an arm in ${name}`, arm, allowed);
    });
    const sum = read.reduce((total, { percent }) => total + bucketCount(percent), 0);
    if (sum > BUCKETS) throw invalidOption(`the shares of ${name} together`, sum / 100, 'at most 100');
    return read;
  },
);

type Read = Omit<SplitSettings, 'rules'> & { readonly rules: readonly RuleSettings[] | undefined };

/** Reads a split. Throws FAIRLEAD_INVALID_OPTION. */
export const readSplit: Reader<SplitSettings> = fields<Read, SplitSettings>(
  {
    name: required(text(''), 'a string that is not empty'),
    arms,
    baseline: optional(readSelector),
    rules: readRules,
    by: text(undefined),
    withoutKey: oneOf('random', 'random', 'baseline'),
  },
  ({ rules = [], by, ...read }, name) => {
    const names = [...read.arms.map((arm) => arm.name), BASELINE];
    for (const [i, { arm }] of rules.entries()) {
      if (!names.includes(arm)) throw invalidOption(`${name}.rules[${i}].arm`, arm, `one of ${names.join(', ')}`);
    }
    return { ...read, rules, by: by?.toLowerCase() };
  },
  'The shares add up to at most 100',
  'A rule names an arm of the split, or `baseline`',
);
