import type { Labels } from '../../picking/router.js';
import { invalidOption, type Reader, readOptions, text } from '../../runtime/options.js';
import { isAs } from '../conditions.js';
import { labelOf } from '../labels.js';
import { headerName, values } from '../read-routes.js';
import type { ValueMatch } from '../route.js';

/** Sends calls to an arm by what they say of themselves, whatever its share. */
export interface SplitRule {
  /** Name of the arm, or `baseline`. */
  readonly arm: string;
  /** Labels (headers, metadata) by name, whatever its case; all must be as said. */
  readonly labels: Readonly<Record<string, ValueMatch>>;
}

/** A rule, read. */
export interface RuleSettings {
  readonly arm: string;
  matches(labels: Labels): boolean;
}

/** Reads rules, each of an arm that there is. */
export function rulesReader(arms: ReadonlySet<string>): Reader<readonly RuleSettings[]> {
  return (value, name) => {
    if (value === undefined) return [];
    if (!Array.isArray(value)) throw invalidOption(name, value, 'an array of rules');
    return value.map((each, i) => readRule(each, `${name}[${i}]`, arms));
  };
}

function readRule(value: unknown, name: string, arms: ReadonlySet<string>): RuleSettings {
  const { arm, labels } = readOptions<{ arm: string | undefined; labels: readonly (readonly [string, ValueMatch])[] }>(
    name,
    value,
    { arm: text(undefined), labels: values(headerName) },
  );
  if (arm === undefined || !arms.has(arm)) throw invalidOption(`${name}.arm`, arm, `one of ${[...arms].join(', ')}`);
  if (labels.length === 0) throw invalidOption(`${name}.labels`, labels, 'an object with at least one label');
  return { arm, matches: (given) => labels.every(([label, match]) => isAs(match, labelOf(given, label))) };
}
