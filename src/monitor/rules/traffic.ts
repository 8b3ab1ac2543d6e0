import { OUTCOME_NAMES } from '../../runtime/outcome.js';
import type { CallSnapshot, ServiceSnapshot } from '../snapshot.js';
import type { Finding } from './finding.js';
import type { LimitSettings } from './limits.js';

/** Errors and latency of the calls that ended since the look before, where there was one. */
export function trafficFindings(
  now: ServiceSnapshot,
  before: ServiceSnapshot | undefined,
  limits: LimitSettings,
): Finding[] {
  const subject = now.name;
  const { calls, failures, timed, sumMs } = between(now.calls, before?.calls);
  const enough = calls >= limits.minCalls;
  const ratio = enough ? failures / calls : null;
  const meanMs = timed >= limits.minCalls ? sumMs / timed : null;
  const p99Ms = timed >= limits.minCalls ? now.calls.last10s.p99Ms : null;
  const warning = { subject, severity: 'warning' as const };
  return [
    {
      ...warning,
      rule: 'error_rate',
      bad: ratio === null ? undefined : ratio > limits.errorRatio,
      value: ratio,
      text: `${percent(ratio)} of the calls to ${subject} fail`,
    },
    {
      ...warning,
      rule: 'latency',
      bad: meanMs === null ? undefined : meanMs > limits.meanMs,
      value: meanMs,
      text: `calls to ${subject} take ${milliseconds(meanMs)} on average`,
    },
    {
      ...warning,
      rule: 'p99_latency',
      bad: p99Ms === null ? undefined : p99Ms > limits.p99Ms,
      value: p99Ms,
      text: `one in a hundred calls to ${subject} takes ${milliseconds(p99Ms)} or longer`,
    },
  ];
}

/** Calls that were given up by their callers say nothing of whether it fails. */
function between(now: CallSnapshot, before: CallSnapshot | undefined) {
  let calls = 0;
  for (const name of OUTCOME_NAMES) {
    if (name !== 'cancelled') calls += now.outcomes[name] - (before?.outcomes[name] ?? 0);
  }
  return {
    calls,
    failures: now.failures - (before?.failures ?? 0),
    timed: now.timed.count - (before?.timed.count ?? 0),
    sumMs: now.timed.sumMs - (before?.timed.sumMs ?? 0),
  };
}

function percent(ratio: number | null): string {
  return `${((ratio ?? 0) * 100).toFixed(1)} %`;
}

function milliseconds(ms: number | null): string {
  return `${Math.round(ms ?? 0)} ms`;
}
