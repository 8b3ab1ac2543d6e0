import { cpus, release } from 'node:os';
import type { Table } from './measure.js';
import { cellsOf } from './show.js';

/** What a run was taken on: a figure says nothing without it. */
export function machine(): string {
  const all = cpus();
  return [
    `Node ${process.versions.node}, Linux ${release().split('-')[0]}, ${all.length} × ${all[0]?.model.trim() ?? '?'}.`,
    '',
  ].join('\n');
}

/** A table as `docs/benchmark-run.md` has it. */
export function markdown(suite: string, table: Table): string {
  const { head, rows, about } = cellsOf(table);
  const escaped = (text: string): string => text.replaceAll('|', '\\|');
  const line = (cells: readonly string[]): string => `| ${cells.map(escaped).join(' | ')} |`;
  return [
    `### ${suite}: ${table.title}`,
    '',
    `${about}; load average ${table.load.toFixed(1)}.`,
    '',
    line(head),
    line(head.map((_, i) => (i === 0 ? '---' : '--:'))),
    ...rows.map(line),
    '',
  ].join('\n');
}
