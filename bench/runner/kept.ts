import { readFileSync } from 'node:fs';
import type { Table } from './measure.js';

/** What a run wrote with `--json`, a table a line. JSON has no NaN: `null` was one. */
export function* readKept(file: string): Generator<{ readonly suite: string; readonly table: Table }> {
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line.trim() === '') continue;
    const { suite, ...table } = JSON.parse(line, (_, value: unknown) => (value === null ? Number.NaN : value)) as {
      suite: string;
    } & Table;
    yield { suite, table };
  }
}
