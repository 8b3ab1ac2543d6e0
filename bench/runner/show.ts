import type { Row, Table } from './measure.js';

const precise = (value: number): string =>
  Number.isNaN(value) ? '' : value === 0 || Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);

export interface Cells {
  /** What was measured, in one line. */
  readonly about: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What every form of a table shows. */
export function cellsOf({ rounds, operations, measure, rows }: Table): Cells {
  const names = Object.keys(rows[0]?.figures ?? {});
  const what = measure === 'cpuUs' ? 'client CPU per operation' : measure;
  return {
    about: `${rounds} rounds of ${operations}, medians; ratios of ${what} within a round`,
    head: ['', 'CPU µs', 'bytes', ...names, 'ratio', '95 % interval', 'verdict', 'speed', 'own µs', 'own bytes'],
    rows: rows.map((row) => [
      row.control ? `${row.name} (control)` : row.name,
      precise(row.cpuUs),
      precise(row.bytes),
      ...names.map((name) => precise(row.figures[name] ?? Number.NaN)),
      row.ratio.toFixed(3),
      row.verdict === 'baseline' ? '' : `${row.interval.low.toFixed(3)} to ${row.interval.high.toFixed(3)}`,
      verdictOf(row),
      row.speed.toFixed(2),
      precise(row.own.cpuUs),
      precise(row.own.bytes),
    ]),
  };
}

/** A table for people; `--json` has the same figures for programs. */
export function show(table: Table): string {
  const { about, head, rows } = cellsOf(table);
  const widths = head.map((text, i) => Math.max(text.length, ...rows.map((row) => row[i]!.length)));
  const line = (row: readonly string[]): string =>
    row.map((text, i) => (i === 0 ? text.padEnd(widths[i]!) : text.padStart(widths[i]!))).join('  ');
  return [`${table.title}: ${about}`, line(head), ...rows.map(line), ''].join('\n');
}

const verdictOf = ({ verdict, target }: Row): string =>
  target === undefined ? verdict : `${verdict} (at most ${target})`;
