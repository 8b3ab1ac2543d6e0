import { integer, invalidOption } from '../../runtime/options.js';
import type { Random } from '../../runtime/random.js';
import { constant, type Distribution, SHORTEST_GAP_MS } from './distributions.js';

/** Calls arrive whether or not earlier ones are answered, as from many independent users. */
export interface OpenLoop {
  /**
   * Milliseconds from one call to the next; `nowMs` is the simulated time, so that the rate may
   * change with it.
   */
  gapMs(random: Random, nowMs: number): number;
}

/** A fixed number of callers, each of which waits for its answer before it calls again. */
export interface ClosedLoop {
  readonly callers: number;
  /** The pause of a caller between an answer and its next call. */
  readonly thinkMs: Distribution;
}

/** How one client's calls arrive. */
export type Arrivals = OpenLoop | ClosedLoop;

/** The same gap between all calls. */
export function constantRate(callsPerSecond: number): OpenLoop {
  const gapMs = 1_000 / positive('constantRate', callsPerSecond);
  return { gapMs: () => gapMs };
}

/** Independent calls at a mean rate: a Poisson process. */
export function poisson(callsPerSecond: number): OpenLoop {
  const meanGapMs = 1_000 / positive('poisson', callsPerSecond);
  return { gapMs: (random) => poissonGap(random, meanGapMs) };
}

/** A Poisson process whose rate is a function of the simulated time: ramps, waves, bursts. */
export function varyingPoisson(callsPerSecond: (nowMs: number) => number): OpenLoop {
  return {
    gapMs: (random, nowMs) => poissonGap(random, 1_000 / positive('varyingPoisson', callsPerSecond(nowMs))),
  };
}

/** One in a while is drawn so short that the clock would not tell the two calls apart. */
function poissonGap(random: Random, meanGapMs: number): number {
  return Math.max(-Math.log(1 - random.float()) * meanGapMs, SHORTEST_GAP_MS);
}

/**
 * `callers` callers that pause `thinkMs` (default: not at all) between an answer and the next call.
 */
export function closedLoop(callers: number, thinkMs: Distribution = constant(0)): ClosedLoop {
  return { callers: integer(1, 1, 1_000_000)(callers, 'closedLoop'), thinkMs };
}

function positive(name: string, value: number): number {
  if (value > 0 && value < Number.POSITIVE_INFINITY) return value;
  throw invalidOption(`${name} calls per second`, value, 'a number above 0');
}
