import { createMesh, outlierDetection, type PolicyName } from 'fairlead';
import { type SimulationReport, simulate } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { sinkhole2016 } from '../support/scenarios.js';

/**
 * One of 11 servers fails so large a share of its calls for half a minute, within a millisecond
 * each: 30,000 calls.
 */
function sinkhole(policy: PolicyName, ratio: number, health?: ReturnType<typeof outlierDetection>): SimulationReport {
  const base = sinkhole2016(policy, 1);
  const faults = [{ kind: 'fail', server: 's0', fromMs: 15_000, untilMs: 45_000, ratio }] as const;
  return simulate({ ...base, faults, service: { policy, ...(health !== undefined && { health }) } });
}

// Prequal asks servers for their load, which those of the simulator do not tell.
const policies = createMesh().policies.names.filter((name) => name !== 'prequal');

describe.each(policies)('a server that fails fast, under %s', (policy) => {
  it('is out after five failures in a row, however much it attracts, without any health option', () => {
    // Those begun before the fifth was answered fail as well. Its share would be 2,727 calls, and
    // more by its haste.
    expect(sinkhole(policy, 1).failed).toBeLessThan(40);
  });

  it('is out within an interval by its success rate where it fails only a fifth', () => {
    // 545 would be a fifth of its share; within the first 10 s it is not judged.
    expect(sinkhole(policy, 0.2, outlierDetection()).failed).toBeLessThan(140);
  });
});
