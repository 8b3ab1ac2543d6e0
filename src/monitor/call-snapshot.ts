import { CallMeter } from '../endpoint/call-meter.js';
import { quantilesMicros } from '../runtime/latency-counts.js';
import { isFailure, Outcome, type OutcomeName, outcomeName } from '../runtime/outcome.js';
import { WINDOW_NAMES, type WindowName, type Windows } from '../telemetry/windows.js';
import type { CallSnapshot, WindowSnapshot } from './snapshot.js';

const OUTCOMES: readonly Outcome[] = Object.values(Outcome);
const FAILURES = OUTCOMES.filter(isFailure);
const QUANTILES = [0.5, 0.9, 0.99, 0.999] as const;
const MICROS_PER_MS = 1_000;

/** One for all reads: they are synchronous. */
const scratch = new CallMeter();
const NO_CALLS = new CallMeter();

/** What a meter counted, as plain values. */
export function callSnapshot(windows: Windows, nowMs: number): CallSnapshot {
  const { meter } = windows;
  const outcomes = {} as Record<OutcomeName, number>;
  for (const outcome of OUTCOMES) outcomes[outcomeName(outcome)] = meter.outcomes[outcome]!;
  const lately = {} as Record<WindowName, WindowSnapshot>;
  for (const name of WINDOW_NAMES) {
    const idle = windows.isIdle(name);
    const overMs = windows.read(name, nowMs, idle ? undefined : scratch);
    lately[name] = windowSnapshot(idle ? NO_CALLS : scratch, overMs);
  }
  const [sum, count] = meter.timed;
  return {
    outcomes,
    total: meter.calls,
    failures: failuresOf(meter),
    timed: { count: count!, sumMs: sum! / MICROS_PER_MS },
    ...lately,
  };
}

/** What was counted in `overMs` milliseconds, as plain values. */
export function windowSnapshot(meter: CallMeter, overMs: number): WindowSnapshot {
  const { calls } = meter;
  const failures = failuresOf(meter);
  // Those that were given up by their callers say nothing.
  const judged = calls - meter.outcomes[Outcome.Cancelled]!;
  const [sum, count] = meter.timed;
  const [p50, p90, p99, p999] = quantilesMicros(meter.latency, count!, QUANTILES);
  return {
    overMs,
    calls,
    failures,
    callsPerSecond: overMs > 0 ? (calls * 1_000) / overMs : null,
    failureRatio: judged > 0 ? failures / judged : null,
    meanMs: count! > 0 ? sum! / count! / MICROS_PER_MS : null,
    p50Ms: ms(p50!),
    p90Ms: ms(p90!),
    p99Ms: ms(p99!),
    p999Ms: ms(p999!),
  };
}

function ms(micros: number): number | null {
  return Number.isNaN(micros) ? null : micros / MICROS_PER_MS;
}

function failuresOf({ outcomes }: CallMeter): number {
  let failures = 0;
  for (const outcome of FAILURES) failures += outcomes[outcome]!;
  return failures;
}
