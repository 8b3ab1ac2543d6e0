import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAst } from 'rolldown/parseAst';

/**
 * A line that is longer than this is broken, between two statements or two members of a class;
 * characters.
 */
const LONG = 400;

interface Node {
  readonly type: string;
  readonly start: number;
  readonly body?: unknown;
}

interface SourceMapText {
  readonly mappings: string;
}

/**
 * Breaks the long lines of minified JavaScript, and moves what its source map says. Of an error
 * that nothing catches Node prints the line that threw it: 200 kB, where a file is one line.
 *
 * Characters beyond Latin-1 become escapes: with one of them V8 keeps, and reads, two bytes for each
 * character of the file.
 */
export function breakLines<T extends SourceMapText>(code: string, map: T): { readonly code: string; readonly map: T } {
  const breaks = breaksOf(code);
  const lines: string[] = [];
  for (const [at, start] of [0, ...breaks].entries()) lines.push(escaped(code.slice(start, breaks[at])));
  return { code: lines.join('\n'), map: { ...map, mappings: moved(map.mappings, code, breaks) } };
}

/** A plugin of rolldown: all JavaScript that it has written. */
export function shortLines(): {
  readonly name: string;
  writeBundle(options: { readonly dir?: string }, bundle: Readonly<Record<string, unknown>>): void;
} {
  return {
    name: 'short-lines',
    writeBundle({ dir = '.' }, bundle) {
      for (const name of Object.keys(bundle)) {
        const file = join(dir, name);
        // One that only exports what others have has no map.
        if (!name.endsWith('.js') || !existsSync(`${file}.map`)) continue;
        const { code, map } = breakLines(
          readFileSync(file, 'utf8'),
          JSON.parse(readFileSync(`${file}.map`, 'utf8')) as SourceMapText,
        );
        writeFileSync(file, code);
        writeFileSync(`${file}.map`, JSON.stringify(map));
      }
    },
  };
}

/** Where a line may end, as soon as it is long: in order. */
function breaksOf(code: string): readonly number[] {
  const starts: number[] = [];
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visit);
    else if (typeof value === 'object' && value !== null) {
      const { type, body } = value as Node;
      if (/^(?:Program|BlockStatement|ClassBody)$/.test(type)) {
        for (const { start } of body as readonly Node[]) if (/[;{}]/.test(code[start - 1] ?? '')) starts.push(start);
      }
      Object.values(value).forEach(visit);
    }
  };
  visit(parseAst(code));
  const breaks: number[] = [];
  let from = 0;
  for (const start of starts.sort((a, b) => a - b)) {
    from = Math.max(from, code.lastIndexOf('\n', start - 1) + 1);
    if (start - from <= LONG) continue;
    breaks.push(start);
    from = start;
  }
  return breaks;
}

/** Minified code has them in texts and patterns, where an escape means the same. */
function escaped(code: string): string {
  return code.replace(/[^\0-\xff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/**
 * The mappings of the same code with a line break before each of `breaks`, and with its escapes.
 */
function moved(mappings: string, code: string, breaks: readonly number[]): string {
  const lines: string[] = [];
  let next = 0;
  let lineAt = 0;
  for (const line of mappings.split(';')) {
    const end = code.indexOf('\n', lineAt) === -1 ? code.length : code.indexOf('\n', lineAt);
    let parts: string[] = [];
    let column = 0;
    let lastColumn = 0;
    let from = lineAt;
    const breakBefore = (position: number): void => {
      for (; next < breaks.length && breaks[next]! <= position && breaks[next]! <= end; next++) {
        lines.push(parts.join(','));
        parts = [];
        from = breaks[next]!;
        lastColumn = 0;
      }
    };
    for (const segment of line === '' ? [] : line.split(',')) {
      const [step, rest] = firstOf(segment);
      column += step;
      breakBefore(lineAt + column);
      const now = escaped(code.slice(from, lineAt + column)).length;
      parts.push(encoded(now - lastColumn) + rest);
      lastColumn = now;
    }
    breakBefore(end);
    lines.push(parts.join(','));
    lineAt = end + 1;
  }
  return lines.join(';');
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** The first number of a segment (base 64 VLQ), and what follows it. */
function firstOf(segment: string): readonly [number, string] {
  let value = 0;
  for (let at = 0; ; at++) {
    const digit = DIGITS.indexOf(segment[at]!);
    value += (digit & 31) * 2 ** (5 * at);
    if (digit < 32) return [value % 2 === 1 ? -Math.floor(value / 2) : value / 2, segment.slice(at + 1)];
  }
}

function encoded(value: number): string {
  let left = value < 0 ? -value * 2 + 1 : value * 2;
  let text = '';
  do {
    const digit = left % 32;
    left = Math.floor(left / 32);
    text += DIGITS[left > 0 ? digit + 32 : digit];
  } while (left > 0);
  return text;
}
