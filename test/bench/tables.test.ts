import { describe, expect, it } from 'vitest';
import { markdown } from '../../bench/runner/markdown.js';
import type { Row, Table } from '../../bench/runner/measure.js';
import { show } from '../../bench/runner/show.js';

const row = (name: string, rest: Partial<Row> = {}): Row => ({
  name,
  control: false,
  cpuUs: 12.345,
  wallUs: 20,
  speed: 1,
  bytes: 1_234.5,
  figures: { p99Ms: 1.5 },
  ratio: 1,
  interval: { low: 0.98, high: 1.02 },
  verdict: 'cannot tell',
  target: undefined,
  own: { cpuUs: 0, bytes: 0 },
  ...rest,
});

const table: Table = {
  title: 'GET | SET',
  rounds: 8,
  operations: 100,
  measure: 'cpuUs',
  load: 0.25,
  rows: [
    row('plain', { verdict: 'baseline' }),
    row('plain', { control: true, verdict: 'control' }),
    row('ours', { verdict: 'missed', target: 0.9, ratio: 1.25 }),
  ],
};

describe('a table of a bench', () => {
  it('is a line of the same cells for each contender, with its target and its interval', () => {
    const lines = show(table).split('\n');
    expect(lines[0]).toContain('8 rounds of 100');
    expect(lines[2]).not.toContain('0.980 to 1.020');
    expect(lines[3]).toMatch(/^plain \(control\) .* 0\.980 to 1\.020 /);
    expect(lines[4]).toMatch(/ 1\.250 .* missed \(at most 0\.9\) /);
  });

  it('says as markdown how busy the machine was, and keeps its columns when a name has a bar', () => {
    const page = markdown('redis', { ...table, rows: [row('a|b'), row('c')] });
    expect(page).toContain('load average 0.3');
    const lines = page.split('\n').filter((line) => line.startsWith('|'));
    const bars = lines.map((line) => line.replaceAll('\\|', '').match(/\|/g)?.length);
    expect(new Set(bars).size).toBe(1);
    expect(lines).toHaveLength(4);
  });
});
