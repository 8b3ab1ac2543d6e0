import { Outcome } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { CallMeter } from '../../src/endpoint/call-meter.js';
import { WINDOW_NAMES, Windows } from '../../src/telemetry/windows.js';

/** A meter, and windows of it whose time goes on by half seconds. */
function world() {
  const meter = new CallMeter();
  meter.add(Outcome.Success, 1, 1);
  const windows = new Windows(meter, 10_000);
  let ticks = 0;
  const tick = (times = 1) => {
    for (let i = 0; i < times; i++) windows.tick(++ticks, 10_000 + ticks * 500);
  };
  const call = (times = 1) => {
    for (let i = 0; i < times; i++) meter.add(Outcome.Failure, 1, 1);
  };
  /** The calls that each window counts, and the milliseconds that it covers. */
  const read = () =>
    WINDOW_NAMES.map((name) => {
      const into = new CallMeter();
      const ms = windows.read(name, 10_000 + ticks * 500, into);
      return [into.calls, ms, windows.isIdle(name)];
    });
  return { windows, tick, call, read };
}

describe('the last second, ten seconds and minute of a meter', () => {
  it('begin with nothing, whatever was counted before', () => {
    const { read } = world();
    expect(read()).toEqual([
      [0, 0, true],
      [0, 0, true],
      [0, 0, true],
    ]);
  });

  it('reach back as far as they say, by halves', () => {
    const { tick, call, read } = world();
    call(1);
    tick(1);
    call(2);
    expect(read()).toEqual([
      [3, 500, false],
      [3, 500, false],
      [3, 500, false],
    ]);
    tick(1);
    expect(read()[0]).toEqual([2, 500, false]);
    tick(1);
    expect(read()[0]).toEqual([0, 500, true]);
    tick(7);
    expect(read().slice(1)).toEqual([
      [3, 5_000, false],
      [3, 5_000, false],
    ]);
    call(4);
    tick(10);
    expect(read().slice(1)).toEqual([
      [4, 5_000, false],
      [7, 10_000, false],
    ]);
    tick(40);
    expect(read()[2]).toEqual([7, 30_000, false]);
    tick(60);
    expect(read()).toEqual([
      [0, 500, true],
      [0, 5_000, true],
      [0, 30_000, true],
    ]);
  });

  it('cover up to the whole of their length', () => {
    const { tick, read } = world();
    tick(59 + 60);
    expect(read().map(([, ms]) => ms)).toEqual([500, 9_500, 59_500]);
  });

  it('can be asked how far they reach alone', () => {
    const { windows, tick } = world();
    tick(3);
    expect(windows.read('last10s', 12_000, undefined)).toBe(2_000);
  });
});
