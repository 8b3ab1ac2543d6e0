/**
 * As JSON.parse. What V8 says of a text that is not JSON quotes the text, and that may hold a
 * secret; this says where the mistake is. Throws an Error with `line` and `column`, from 1.
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    const offset = Number(/position (\d+)/.exec((thrown as Error).message)?.[1] ?? text.length);
    throw new NotJson(text, offset);
  }
}

/** A text that is not JSON. */
export class NotJson extends Error {
  readonly line: number;
  readonly column: number;

  constructor(text: string, offset: number) {
    const { line, column } = lineAndColumn(text, offset);
    super(`it is not JSON: see line ${line}, column ${column}`);
    this.line = line;
    this.column = column;
  }
}

/** Both from 1. */
export function lineAndColumn(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset);
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') };
}

/**
 * What the package `yaml` says of a text, without the piece of it that it quotes: that may be a
 * secret. What it quotes always comes last, after a colon or as the name of a directive.
 */
export function yamlMessage(message: string): string {
  return message.replace(/(?::|(?<= directive)) .*$/s, '');
}

/**
 * An anchor may hold an alias of itself (`&a [*a]`): no document means that, and walking it never
 * ends.
 */
export function refuseCycles(value: unknown, above: readonly unknown[] = []): void {
  if (typeof value !== 'object' || value === null) return;
  if (above.includes(value)) throw new Error('an anchor holds an alias of itself');
  if (above.length >= MAX_DEPTH) throw new Error(`it is nested more than ${MAX_DEPTH} deep`);
  const path = [...above, value];
  for (const each of Object.values(value)) refuseCycles(each, path);
}

const MAX_DEPTH = 100;
