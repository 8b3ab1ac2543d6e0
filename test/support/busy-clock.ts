import { ManualClock } from 'fairlead/testing';

/** A clock whose timers fire late by what the process was busy, as the event loop's do. */
export class BusyClock extends ManualClock {
  #busyMs = 0;
  /** The process does something else for so long: time passes, no timer fires. */
  busy(ms: number): void {
    this.#busyMs += ms;
  }
  override now(): number {
    return super.now() + this.#busyMs;
  }
}
