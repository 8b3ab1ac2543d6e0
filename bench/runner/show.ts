import type { Row, Table } from './measure.js';

const precise = (value: number): string =>
  Number.isNaN(value) ? '' : value === 0 || Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);

/** A table for people; `--json` has the same figures for programs. */
export function show({ title, rounds, operations, measure, rows }: Table): string {
  const names = Object.keys(rows[0]?.figures ?? {});
  const head = ['', 'CPU µs', 'bytes', ...names, 'ratio', '95 % interval', 'verdict', 'speed', 'own µs', 'own bytes'];
  const cells = rows.map((row) => [
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
  ]);
  const widths = head.map((text, i) => Math.max(text.length, ...cells.map((row) => row[i]!.length)));
  const line = (row: readonly string[]): string =>
    row.map((text, i) => (i === 0 ? text.padEnd(widths[i]!) : text.padStart(widths[i]!))).join('  ');
  const what = measure === 'cpuUs' ? 'client CPU per operation' : measure;
  return [
    `${title}: ${rounds} rounds of ${operations}, medians; ratios of ${what} within a round`,
    line(head),
    ...cells.map(line),
    '',
  ].join('\n');
}

const verdictOf = ({ verdict, target }: Row): string =>
  target === undefined ? verdict : `${verdict} (at most ${target})`;
