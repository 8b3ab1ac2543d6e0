import { mistakeIn } from './json-mistake.js';

/**
 * As JSON.parse. What V8 says of a text that is not JSON quotes the text, and that may hold a
 * secret; this says where the mistake is. Throws an Error with `line` and `column`, from 1.
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new NotJson(text, mistakeIn(text));
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
 * Refuses what a document never means, and what code that walks one cannot take: values that JSON
 * has not (YAML has sets, dates and bytes), an anchor that holds an alias of itself (`&a [*a]`),
 * and more than 100 levels. Throws an Error that says which.
 */
export function refuseUnlikeJson(value: unknown, above: readonly unknown[] = []): void {
  if (typeof value !== 'object' || value === null) return;
  if (above.includes(value)) throw new Error('an anchor holds an alias of itself');
  if (above.length >= MAX_DEPTH) throw new Error(`it is nested more than ${MAX_DEPTH} deep`);
  const kind: unknown = Object.getPrototypeOf(value);
  if (kind !== Object.prototype && kind !== Array.prototype) throw new Error('it holds a value that JSON has not');
  const path = [...above, value];
  for (const each of Object.values(value)) refuseUnlikeJson(each, path);
}

/** Levels that a document may have. */
export const MAX_DEPTH = 100;

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The text of a file in UTF-8, without a byte order mark. Throws an Error where it is not UTF-8:
 * what cannot be read would stand as U+FFFD in names and addresses.
 */
export function decodeText(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    throw new Error('it is not UTF-8');
  }
}

/** The text without a byte order mark, which JSON does not know. */
export function withoutMark(text: string): string {
  return text.startsWith('\uFEFF') ? text.slice(1) : text;
}

const NAMES = /("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[{}[\]]/g;

/**
 * Where a name stands for the second time in one object, in a JSON text that `JSON.parse` takes: it
 * drops the first without a word. Undefined where none does. O(text).
 */
export function repeatedName(text: string): number | undefined {
  const open: Set<string>[] = [];
  for (const { 0: token, 1: string, 2: colon, index } of text.matchAll(NAMES)) {
    if (token === '{' || token === '[') open.push(new Set());
    else if (token === '}' || token === ']') open.pop();
    else if (colon !== undefined) {
      const names = open.at(-1)!;
      const name = JSON.parse(string!) as string;
      if (names.has(name)) return index;
      names.add(name);
    }
  }
  return undefined;
}
