import { stripVTControlCharacters } from 'node:util';

export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
}

const GAP = '   ';

/**
 * Lines of a table whose columns are as wide as their widest cell. Colours in cells do not count.
 */
export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const titles = columns.map(({ title }) => title);
  const widths = columns.map((_, at) => Math.max(...[titles, ...rows].map((row) => visibleLength(row[at] ?? ''))));
  const line = (row: readonly string[]): string =>
    columns
      .map(({ align }, at) => {
        const cell = row[at] ?? '';
        const padding = ' '.repeat(widths[at]! - visibleLength(cell));
        return align === 'left' ? cell + padding : padding + cell;
      })
      .join(GAP)
      .trimEnd();
  return [line(titles), widths.map((width) => '─'.repeat(width)).join('─'.repeat(GAP.length)), ...rows.map(line)];
}

/**
 * Cut to a terminal's width, without cutting through a colour: a line that is too long loses its
 * colours.
 */
export function clip(line: string, width: number): string {
  return visibleLength(line) <= width ? line : stripVTControlCharacters(line).slice(0, width);
}

function visibleLength(text: string): number {
  return stripVTControlCharacters(text).length;
}
