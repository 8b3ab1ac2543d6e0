import { toError } from '../runtime/errors.js';
import { readYaml } from '../runtime/load-yaml.js';
import {
  lineAndColumn,
  type NotJson,
  parseJson,
  refuseUnlikeJson,
  repeatedName,
  withoutMark,
} from '../runtime/parse-text.js';
import { ConfigError, type ConfigProblem } from './errors.js';
import { jsonOffset } from './json-positions.js';
import type { Path } from './path.js';

/** A document, and where its values stand. */
export interface Parsed {
  readonly value: unknown;
  /**
   * Line and column from 1 of the value at a path, or of its name; of what holds it where it is
   * not there.
   */
  at(path: Path, ofKey: boolean): { readonly line: number; readonly column: number } | undefined;
}

const UNKNOWN = { value: undefined, at: () => undefined } as const;

/**
 * Reads JSON, or YAML 1.2 by the package `yaml`, which is loaded when the first text comes that is
 * not JSON. Rejects with ConfigError, which has the place of each mistake.
 */
export async function parseDocument(given: string, source: string): Promise<Parsed> {
  const text = withoutMark(given);
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (thrown) {
    if (source.endsWith('.json')) throw new ConfigError([syntax(source, thrown as NotJson)]);
    return parseYaml(text, source);
  }
  const repeated = repeatedName(text);
  if (repeated !== undefined) {
    throw new ConfigError([problem(source, text, repeated, 'This name stands twice in one object.')]);
  }
  try {
    refuseUnlikeJson(value);
  } catch (thrown) {
    throw new ConfigError([problem(source, text, 0, `This JSON is refused: ${toError(thrown).message}.`)]);
  }
  return { value, at: (path, ofKey) => place(text, path, ofKey) };
}

/** A document that is an object already. */
export function parsedObject(value: unknown): Parsed {
  return { ...UNKNOWN, value };
}

async function parseYaml(text: string, source: string): Promise<Parsed> {
  const { yaml, document, value, isYaml, problems } = await readYaml(text, 'A document');
  if (problems.length > 0) {
    const what = isYaml ? 'This YAML is refused' : 'This is not YAML';
    throw new ConfigError(problems.map(({ message, offset }) => problem(source, text, offset, `${what}: ${message}.`)));
  }
  const at = (path: Path, ofKey: boolean): { line: number; column: number } | undefined => {
    for (let length = path.length; length >= 0; length--) {
      const part = path.slice(0, length);
      if (ofKey && length === path.length && length > 0) {
        const parent = length === 1 ? document.contents : document.getIn(part.slice(0, -1), true);
        if (yaml.isMap(parent)) {
          const pair = parent.items.find(({ key }) => yaml.isScalar(key) && String(key.value) === part.at(-1));
          if (yaml.isScalar(pair?.key) && pair.key.range) return lineAndColumn(text, pair.key.range[0]);
        }
      }
      const node: unknown = length === 0 ? document.contents : document.getIn(part, true);
      if (yaml.isNode(node) && node.range) return lineAndColumn(text, node.range[0]);
    }
    return undefined;
  };
  return { value, at };
}

function place(text: string, path: Path, ofKey: boolean): { line: number; column: number } | undefined {
  for (let length = path.length; length >= 0; length--) {
    const offset = jsonOffset(text, path.slice(0, length), ofKey && length === path.length);
    if (offset !== undefined) return lineAndColumn(text, offset);
  }
  return undefined;
}

function syntax(source: string, { line, column }: NotJson): ConfigProblem {
  return { source, line, column, path: '', message: 'This is not JSON.', nearest: undefined };
}

function problem(source: string, text: string, offset: number, message: string): ConfigProblem {
  return { source, ...lineAndColumn(text, offset), path: '', message, nearest: undefined };
}
