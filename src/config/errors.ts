import { FairleadError } from '../runtime/errors.js';

/** One thing that is wrong with a document. */
export interface ConfigProblem {
  /** The file, or what else the document came from. */
  readonly source: string;
  /** From 1; undefined where the document came as an object. */
  readonly line: number | undefined;
  readonly column: number | undefined;
  /** `services.users.policy`. */
  readonly path: string;
  /** What is wrong: the value, unless it may be secret, and what is allowed. */
  readonly message: string;
  /** The valid name that was most likely meant. */
  readonly nearest: string | undefined;
}

/** A document was refused. `problems` has all that is wrong with it, in its order. */
export class ConfigError extends FairleadError {
  override readonly name: string = 'ConfigError';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super('FAIRLEAD_INVALID_OPTION', problems.map(problemText).join('\n'));
    // Lines are what makes a list of problems readable: each is printable by itself.
    this.message = problems.map(problemText).join('\n');
    this.problems = problems;
  }
}

function problemText({ source, line, column, message, nearest }: ConfigProblem): string {
  const at = line === undefined ? source : `${source}:${line}:${column}`;
  return `${at}  ${message}${nearest === undefined ? '' : ` Did you mean ${nearest}?`}`;
}
