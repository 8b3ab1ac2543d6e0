import type { Labels } from '../../picking/router.js';
import { TOKEN } from '../../runtime/http-fields.js';
import { fields, invalidOption, optional, type Reader, required, text } from '../../runtime/options.js';
import { isAs } from '../conditions.js';
import { labelOf } from '../labels.js';
import { listOf } from '../read-parts.js';
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

type Read = { readonly arm: string; readonly labels: readonly (readonly [string, ValueMatch])[] };

const readRule: Reader<RuleSettings> = fields<Read, RuleSettings>(
  {
    arm: required(text(''), 'the name of an arm, or baseline'),
    labels: required(values(headerName, TOKEN), 'an object with at least one label'),
  },
  ({ arm, labels }, name) => {
    if (labels.length === 0) throw invalidOption(`${name}.labels`, labels, 'an object with at least one label');
    return { arm, matches: (given) => labels.every(([label, match]) => isAs(match, labelOf(given, label))) };
  },
  'A rule has at least one label',
);

const rules = optional(listOf(readRule, 'an array of rules'));

/** Reads rules; whether there is such an arm, the split knows. */
export const readRules: Reader<readonly RuleSettings[] | undefined> = rules;
