import type { Io } from './command.js';

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, cyan: 36 } as const;
export type Style = keyof typeof CODES;

export function styled(io: Pick<Io, 'color'>, style: Style, text: string): string {
  return io.color ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text;
}

// C0, DEL, C1, line separators, and what turns the direction of the text around.
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what it is about
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const MAX_TEXT = 120;

/** A name of somebody else's: it must not move the cursor, nor fill the screen. */
export function clean(text: string): string {
  const plain = text.replace(HIDDEN, '?');
  return plain.length > MAX_TEXT ? `${plain.slice(0, MAX_TEXT)}…` : plain;
}

/** `left` for texts, `right` for numbers. */
export interface TableColumn {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** By what its cell says. */
  readonly style?: (text: string) => Style | undefined;
}

/** Rows as lines, each column as wide as it must be. Cells are cleaned. */
export function table(io: Io, columns: readonly TableColumn[], rows: readonly (readonly string[])[]): string[] {
  const cells = rows.map((row) => row.map(clean));
  const widths = columns.map(({ title }, i) => Math.max(title.length, ...cells.map((row) => row[i]!.length), 0));
  const pad = (text: string, i: number): string =>
    columns[i]!.align === 'right' ? text.padStart(widths[i]!) : text.padEnd(widths[i]!);
  const line = (row: readonly string[], paint: (text: string, i: number, raw: string) => string): string => {
    let left = io.isTerminal ? io.columns : Number.POSITIVE_INFINITY;
    const parts: string[] = [];
    for (const [i, raw] of row.entries()) {
      const text = pad(raw, i);
      if (left <= 0) break;
      parts.push(paint(text.slice(0, left), i, raw));
      left -= text.length + 2;
    }
    return parts.join('  ').trimEnd();
  };
  const head = line(
    columns.map(({ title }) => title),
    (text) => styled(io, 'dim', text),
  );
  const body = cells.map((row) =>
    line(row, (text, i, raw) => {
      const style = columns[i]!.style?.(raw);
      return style === undefined ? text : styled(io, style, text);
    }),
  );
  return [head, ...body];
}

export function stateStyle(state: string): Style | undefined {
  if (state === 'ready') return 'green';
  return state === 'ejected' || state === 'unhealthy' || state === 'down' ? 'red' : 'yellow';
}

/** A screen that is drawn over, on the terminal's other page; without a terminal, lines. */
export class Screen {
  readonly #io: Io;
  #open = false;

  constructor(io: Io) {
    this.#io = io;
  }

  show(lines: readonly string[]): void {
    if (!this.#io.isTerminal) {
      this.#io.out(`${lines.join('\n')}\n`);
      return;
    }
    if (!this.#open) this.#io.out('\u001b[?1049h\u001b[?25l');
    this.#open = true;
    const fits = lines.slice(0, this.#io.rows - 1);
    this.#io.out(`\u001b[H${fits.map((line) => `${line}\u001b[K`).join('\n')}\u001b[J`);
  }

  close(): void {
    if (this.#open) this.#io.out('\u001b[?25h\u001b[?1049l');
    this.#open = false;
  }
}
