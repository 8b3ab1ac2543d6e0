import type { Document } from 'yaml';
import { FairleadError, toError } from './errors.js';
import { MAX_DEPTH, refuseUnlikeJson, yamlMessage } from './parse-text.js';

/**
 * The package `yaml`, an optional peer: loaded when the first YAML is read, by whatever reads it.
 * `what` is that, for the error where the package is missing: `A document`.
 */
async function loadYaml(what: string): Promise<typeof import('yaml')> {
  try {
    return await import('yaml');
  } catch (thrown) {
    const message = `${what} in YAML needs the package 'yaml': npm install yaml. JSON needs nothing.`;
    throw new FairleadError('FAIRLEAD_INVALID_OPTION', message, { cause: toError(thrown) });
  }
}

/** A text in YAML: what it says, or all that is wrong with it. */
export interface YamlText {
  readonly yaml: typeof import('yaml');
  readonly document: Document;
  readonly value: unknown;
  /** False where it breaks the rules of YAML; what else is wrong is what it says by them. */
  readonly isYaml: boolean;
  /** In their order; `offset` is 0 where the place is not known. */
  readonly problems: readonly { readonly message: string; readonly offset: number }[];
}

/**
 * Names are texts, so that `1` and `"1"` are one name that stands twice; `<<` merges, as in YAML
 * 1.1. What the package has to say comes in the problems, none of it as a warning of the process.
 */
const OPTIONS = { stringKeys: true, merge: true, prettyErrors: false, logLevel: 'error' } as const;

/**
 * Reads YAML 1.2 that JSON could say as well: a tag that is not known, or whose value JSON has not
 * (`!!set`, `!!timestamp`), is a problem. `what` names the text in the error where the package
 * `yaml` is missing, with which it rejects.
 */
export async function readYaml(text: string, what: string): Promise<YamlText> {
  const yaml = await loadYaml(what);
  let document: Document = new yaml.Document();
  if (nestsTooDeep(text)) {
    const message = `it is nested more than ${MAX_DEPTH} deep`;
    return { yaml, document, value: undefined, isYaml: true, problems: [{ message, offset: 0 }] };
  }
  try {
    document = yaml.parseDocument(text, OPTIONS);
    const found = [...document.errors, ...document.warnings].sort((a, b) => a.pos[0] - b.pos[0]);
    if (found.length > 0) {
      const problems = found.map(({ message, pos }) => ({ message: yamlMessage(message), offset: pos[0] }));
      return { yaml, document, value: undefined, isYaml: document.errors.length === 0, problems };
    }
    const value: unknown = document.toJS();
    refuseUnlikeJson(value);
    return { yaml, document, value, isYaml: true, problems: [] };
  } catch (thrown) {
    const message = yamlMessage(toError(thrown).message);
    return { yaml, document, value: undefined, isYaml: true, problems: [{ message, offset: 0 }] };
  }
}

/**
 * Whether a parser that descends into the text might come near the end of the stack. There V8 ends
 * the process where it has to compile a regular expression, and nothing can catch that. By the
 * brackets, wherever they stand, and by how far lines begin to the right: a guess on the safe side,
 * twice what may be nested, as a text may hold a bracket that is none.
 */
function nestsTooDeep(text: string): boolean {
  let depth = 0;
  for (const [token] of text.matchAll(NESTING)) {
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth = Math.max(0, depth - 1);
    else if (token.length > MAX_COLUMN) return true;
    if (depth > 2 * MAX_DEPTH) return true;
  }
  return false;
}

/** Brackets, and what lists and names within each other begin a line with. */
const NESTING = /[{}[\]]|^[ \t?:-]{2,}/gm;

/** Levels are two columns at least, mostly, and four at most. */
const MAX_COLUMN = 4 * MAX_DEPTH;
