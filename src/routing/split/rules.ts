import type { Labels } from '../../picking/router.js';
import { boolean, invalidOption, optional, type Reader, readOptions, text, textList } from '../../runtime/options.js';
import { labelOf } from '../labels.js';

/** Sends calls to an arm by what they say of themselves, whatever its share. */
export interface SplitRule {
  /** Name of the arm, or of the baseline. */
  readonly arm: string;
  /** A header, or a name in the metadata; case does not matter. */
  readonly label: string;
  /** The label's value is this. */
  readonly equals?: string;
  /** The label's value is one of these. */
  readonly oneOf?: readonly string[];
  /** The label's value begins with this. */
  readonly prefix?: string;
  /** The label is there (true) or is not (false). */
  readonly present?: boolean;
}

/** A rule, read: whether it holds for a call, and the index of its arm. */
export interface RuleSettings {
  readonly arm: string;
  matches(labels: Labels): boolean;
}

const SCHEMA = {
  arm: text(undefined),
  label: text(undefined),
  equals: optional((value: unknown, name: string): string => {
    if (typeof value === 'string') return value;
    throw invalidOption(name, value, 'a string');
  }),
  oneOf: optional(textList()),
  prefix: text(undefined),
  present: optional(boolean(true)),
};

/** Reads rules; each has an arm that there is and exactly one condition. */
export function rulesReader(arms: ReadonlySet<string>): Reader<readonly RuleSettings[]> {
  return (value, name) => {
    if (value === undefined) return [];
    if (!Array.isArray(value)) throw invalidOption(name, value, 'an array of rules');
    return value.map((each, i) => readRule(each, `${name}[${i}]`, arms));
  };
}

function readRule(value: unknown, name: string, arms: ReadonlySet<string>): RuleSettings {
  const rule = readOptions<SplitRule>(name, value, SCHEMA as never);
  if (rule.arm === undefined || !arms.has(rule.arm)) {
    throw invalidOption(`${name}.arm`, rule.arm, `one of ${[...arms].join(', ')}`);
  }
  if (rule.label === undefined) throw invalidOption(`${name}.label`, rule.label, 'the name of a label');
  const label = rule.label.toLowerCase();
  const test = conditionOf(rule, name);
  return { arm: rule.arm, matches: (labels) => test(labelOf(labels, label)) };
}

function conditionOf(rule: SplitRule, name: string): (value: string | undefined) => boolean {
  const { equals, oneOf, prefix, present } = rule;
  const given = [equals, oneOf, prefix, present].filter((each) => each !== undefined);
  if (given.length !== 1) {
    throw invalidOption(name, Object.keys(rule), 'a rule with exactly one of equals, oneOf, prefix, present');
  }
  if (equals !== undefined) return (value) => value === equals;
  if (oneOf !== undefined) {
    const set = new Set(oneOf);
    return (value) => value !== undefined && set.has(value);
  }
  if (prefix !== undefined) return (value) => value?.startsWith(prefix) === true;
  return (value) => (value !== undefined) === present;
}
