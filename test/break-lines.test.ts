import { SourceMap } from 'node:module';
import { describe, expect, it } from 'vitest';
import { breakLines } from '../.ci/break-lines.js';

const methods = Array.from(
  { length: 20 },
  (_, at) => `m${at}(){if(this.#x)throw Error("x;{}");return/[;{}]/.test(this.#x)}`,
);
const classes = Array.from({ length: 5 }, (_, at) => `class C${at}{#x=\`a;{}\n;\`;${methods.join('')}}`);
/** With two line ends in it for each class, that are part of a text; and with none. */
const code = `${classes.join('')}export{C0};`;
const flat = code.replaceAll('\n', ' ');

const longest = (text: string): number => Math.max(...text.split('\n').map((line) => line.length));

/** Says of each place where a word begins in `text` that it is that of the code as it was. */
const wordsOf = (text: string): { readonly word: string; readonly line: number; readonly column: number }[] =>
  text
    .split('\n')
    .flatMap((each, line) =>
      [...each.matchAll(/[\w$]+/g)].map(({ 0: word, index: column }) => ({ word, line, column })),
    );

/** A map from the code to itself, by words. */
function mapOf(text: string): { version: 3; names: string[]; sources: string[]; mappings: string } {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const vlq = (value: number): string => {
    let left = value < 0 ? -value * 2 + 1 : value * 2;
    let out = '';
    for (; left >= 32; left = Math.floor(left / 32)) out += digits[(left % 32) + 32];
    return out + digits[left];
  };
  let before = { line: 0, column: 0 };
  const lines = text.split('\n').map((_, line) => {
    let generated = 0;
    return wordsOf(text)
      .filter((each) => each.line === line)
      .map(({ column }) => {
        const segment = vlq(column - generated) + vlq(0) + vlq(line - before.line) + vlq(column - before.column);
        generated = column;
        before = { line, column };
        return segment;
      })
      .join(',');
  });
  return { version: 3, names: [], sources: ['source'], mappings: lines.join(';') };
}

describe('the lines of what is published', () => {
  it('have escapes for what is beyond Latin-1, and the map moves along', async () => {
    const text = 'const a=`é…€`,b="\u{1f600}",c=/[…]/u;export{a,b,c};';
    const { code: escaped, map } = breakLines(text, mapOf(text));
    expect(escaped).toMatch(/^[\0-\xff]*$/);
    const module = await import(`data:text/javascript,${encodeURIComponent(escaped)}`);
    expect(module).toMatchObject({ a: 'é…€', b: '\u{1f600}', c: /[…]/u });
    expect(module.c.test('…')).toBe(true);
    const at = (code: string): number => code.indexOf('export');
    const found = new SourceMap(map as never).findEntry(0, at(escaped));
    expect(found).toMatchObject({ originalLine: 0, originalColumn: at(text) });
  });

  it('are short, so that the line which threw says something', () => {
    for (const text of [code, flat]) {
      expect(longest(text)).toBeGreaterThan(1_000);
      expect(longest(breakLines(text, { mappings: '' }).code)).toBeLessThan(600);
    }
  });

  it('are the same code', async () => {
    const broken = breakLines(flat, { mappings: '' }).code;
    expect(broken.replaceAll('\n', '')).toBe(flat);
    const module = (await import(`data:text/javascript,${encodeURIComponent(broken)}`)) as { C0: new () => object };
    expect(new module.C0()).toBeInstanceOf(module.C0);
  });

  it.each([
    ['many lines', code],
    ['one line', flat],
  ])('have the map of what they were: %s', (_, text) => {
    const moved = breakLines(text, mapOf(text));
    const [before, after] = [wordsOf(text), wordsOf(moved.code)];
    expect(after.map(({ word }) => word)).toEqual(before.map(({ word }) => word));
    expect(after.at(-1)!.line).toBeGreaterThan(before.at(-1)!.line);
    const found = new SourceMap(moved.map as never);
    for (const [at, { line, column }] of after.entries()) {
      const [originalLine, originalColumn] = [before[at]!.line, before[at]!.column];
      expect(found.findEntry(line, column)).toMatchObject({ originalLine, originalColumn });
    }
  });
});
