import { describe, expect, it } from 'vitest';
import { CallMeter } from '../../src/endpoint/call-meter.js';
import { LATENCY_BUCKETS } from '../../src/runtime/latency-counts.js';
import { Outcome } from '../../src/runtime/outcome.js';

const LAST = LATENCY_BUCKETS - 1;

/** Three calls that ended well in two buckets, and one that failed and was not timed. */
function metered(): CallMeter {
  const meter = new CallMeter();
  meter.add(Outcome.Success, 100, 0);
  meter.add(Outcome.Success, 200, 3);
  meter.add(Outcome.Success, 300, LAST);
  meter.add(Outcome.Failure, -1, -1);
  return meter;
}

const figures = ({ calls, outcomes, latency, timed }: CallMeter) => ({
  calls,
  wells: outcomes[Outcome.Success],
  failures: outcomes[Outcome.Failure],
  buckets: [latency[0], latency[3], latency[LAST]],
  timed: [...timed],
});

const ALL = { calls: 4, wells: 3, failures: 1, buckets: [1, 1, 1], timed: [600, 3] };

describe('the meter of calls', () => {
  it('counts by outcome, and by duration those that were timed', () => {
    expect(figures(metered())).toEqual(ALL);
  });

  it('copies another, which goes on by itself', () => {
    const meter = metered();
    const copy = new CallMeter();
    copy.add(Outcome.Failure, 7, 5);
    copy.copy(meter);
    meter.add(Outcome.Success, 1, 0);
    expect(figures(copy)).toEqual(ALL);
    expect(copy.latency[5]).toBe(0);
  });

  it('tells what was added since', () => {
    const meter = metered();
    const then = new CallMeter();
    then.copy(meter);
    meter.add(Outcome.Success, 50, LAST);
    meter.add(Outcome.Failure, 70, 0);
    const added = metered();
    added.difference(meter, then);
    expect(figures(added)).toEqual({ calls: 2, wells: 1, failures: 1, buckets: [1, 0, 1], timed: [120, 2] });
  });
});
