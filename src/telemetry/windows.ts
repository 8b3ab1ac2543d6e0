import { CallMeter } from '../endpoint/call-meter.js';

/** How far windows reach back. */
export const WINDOW_NAMES = ['last1s', 'last10s', 'last1m'] as const;
export type WindowName = (typeof WINDOW_NAMES)[number];

/** The shortest window is 1 s, and its half is one tick. */
export const TICK_MS = 500;

/** The halves of the windows in ticks: 0.5 s, 5 s, 30 s. */
const HALVES: readonly number[] = [1, 10, 60];

/** How a meter stood when a half began. */
interface Mark {
  atMs: number;
  readonly stood: CallMeter;
}

/**
 * What a meter counted lately: over the last second, ten seconds and minute. Each window is two
 * halves, the one that has passed and the one that goes on, so it reaches back between half of its
 * length and all of it. 12 kB; a call costs nothing here, a tick the copying of some arrays.
 */
export class Windows {
  readonly meter: CallMeter;
  /** By window: when the half that has passed began, and when the one that goes on began. */
  readonly #marks: readonly { passed: Mark; current: Mark }[];

  constructor(meter: CallMeter, nowMs: number) {
    this.meter = meter;
    const mark = (): Mark => {
      const stood = new CallMeter();
      stood.copy(meter);
      return { atMs: nowMs, stood };
    };
    this.#marks = HALVES.map(() => ({ passed: mark(), current: mark() }));
  }

  /** The time that ticks count goes on: at `tick` ticks since the beginning. */
  tick(tick: number, nowMs: number): void {
    for (let i = 0; i < HALVES.length; i++) {
      if (tick % HALVES[i]! !== 0) continue;
      const marks = this.#marks[i]!;
      const { passed } = marks;
      marks.passed = marks.current;
      passed.atMs = nowMs;
      // Of an endpoint without calls there is nothing to copy.
      if (passed.stood.calls !== this.meter.calls) passed.stood.copy(this.meter);
      marks.current = passed;
    }
  }

  /** Whether no call ended within the window. */
  isIdle(name: WindowName): boolean {
    return this.#passed(name).stood.calls === this.meter.calls;
  }

  /** Makes `into` what was counted within the window; returns the milliseconds that it covers. */
  read(name: WindowName, nowMs: number, into: CallMeter | undefined): number {
    const { atMs, stood } = this.#passed(name);
    into?.difference(this.meter, stood);
    return nowMs - atMs;
  }

  #passed(name: WindowName): Mark {
    return this.#marks[WINDOW_NAMES.indexOf(name)]!.passed;
  }
}
