import type { Operation } from './history.js';
import type { Schedule, Violation } from './part.js';
import type { RoundResult } from './round.js';

/** How many violations of one promise are shown in full. */
const SHOWN = Number(process.env.SHOWN ?? 3);
const SHOWN_OPERATIONS = 12;

/** Seed, schedule and violations with the history around each. */
export function reportRound(result: RoundResult): string {
  const { schedule, violations } = result;
  const byPromise = new Map<string, Violation[]>();
  for (const violation of violations) {
    byPromise.set(violation.promise, [...(byPromise.get(violation.promise) ?? []), violation]);
  }
  const lines = [`VIOLATED: ${violations.length} times`, describeSchedule(schedule)];
  const origin = Math.min(...result.operations.map(({ invokedMs }) => invokedMs));
  for (const [promise, all] of byPromise) {
    lines.push('', `${promise} (${all.length} times)`);
    for (const violation of all.slice(0, SHOWN)) lines.push(...showViolation(violation, result, origin));
  }
  return lines.join('\n');
}

export function describeSchedule(schedule: Schedule): string {
  const { part, seed, lastsMs, options, clients, workers, keys, faults } = schedule;
  return [
    `part ${part}, seed ${seed}: ${lastsMs} ms, ${clients} clients x ${workers} workers, ${keys} keys`,
    `options ${JSON.stringify(options)}`,
    ...faults.map(({ kind, target, atMs, lastsMs: ms }) => `  ${atMs} ms: ${kind} ${target}, for ${ms} ms`),
    `replay: npm run campaign -- --schedule '${JSON.stringify(schedule)}'`,
  ].join('\n');
}

function showViolation({ says, operations = [] }: Violation, { faults }: RoundResult, origin: number): string[] {
  const at = (ms: number): string => (Number.isFinite(ms) ? `${(ms - origin).toFixed(1)} ms` : 'never');
  const lines = [`- ${says}`];
  const shown = operations.slice(0, SHOWN_OPERATIONS);
  const from = Math.min(...shown.map(({ invokedMs }) => invokedMs)) - 3_000;
  const to = Math.max(...shown.map(({ endedMs, invokedMs }) => (Number.isFinite(endedMs) ? endedMs : invokedMs)));
  for (const { kind, target, beganMs, overMs } of faults) {
    if (shown.length > 0 && overMs >= from && beganMs <= to) {
      lines.push(`    fault ${kind} ${target}: ${at(beganMs)} to ${at(overMs)}`);
    }
  }
  for (const operation of shown) lines.push(`    ${showOperation(operation, at)}`);
  return lines;
}

function showOperation(operation: Operation, at: (ms: number) => string): string {
  const { client, worker, name, key, input, invokedMs, endedMs, outcome, output, error, about } = operation;
  const text = (value: unknown): string => (value === undefined ? '' : JSON.stringify(value).slice(0, 120));
  const ended = outcome === 'ok' ? `ok ${text(output)}` : `${outcome} ${error ?? ''} ${text(about)}`;
  return `${at(invokedMs)} to ${at(endedMs)}, ${client}/${worker}: ${name} ${key} ${text(input)}: ${ended}`;
}

/** What a campaign counted, over all its rounds. */
export class Totals {
  #rounds = 0;
  readonly #outcomes = { ok: 0, fail: 0, unknown: 0 };
  readonly #faults = new Map<string, number>();
  readonly #errors = new Map<string, number>();
  readonly #violated = new Map<string, number>();

  add({ operations, faults, violations }: RoundResult): void {
    this.#rounds++;
    for (const { outcome, error } of operations) {
      this.#outcomes[outcome]++;
      if (error !== undefined) count(this.#errors, error.split(':')[0]!);
    }
    for (const { kind } of faults) count(this.#faults, kind);
    for (const { promise } of violations) count(this.#violated, promise);
  }

  get violations(): number {
    return [...this.#violated.values()].reduce((sum, n) => sum + n, 0);
  }

  toString(): string {
    const { ok, fail, unknown } = this.#outcomes;
    const list = (counts: Map<string, number>): string =>
      [...counts]
        .sort((a, b) => b[1] - a[1])
        .map(([name, n]) => `${name} ${n}`)
        .join(', ') || 'none';
    return [
      `rounds ${this.#rounds}; operations ${ok + fail + unknown}: ok ${ok}, failed ${fail}, unknown ${unknown}`,
      `errors: ${list(this.#errors)}`,
      `faults: ${list(this.#faults)}`,
      `violations: ${list(this.#violated)}`,
    ].join('\n');
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
