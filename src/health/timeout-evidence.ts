import type { Unanswered } from '../endpoint/live-endpoint.js';
import { LatencyCounts } from '../runtime/latency-counts.js';

/** What is needed of an endpoint: a place for its timeouts, which goes when it goes. */
export interface TimedEndpoint {
  unanswered: Unanswered | undefined;
}

/** The share of answers that come within the time of a call whose timeout counts in full: p90. */
const FULL_SHARE = 0.9;
/** Where fewer than this would have come in time, a timeout is what was to be expected. */
const LEAST_SHARE = 0.5;
/** Answers from which on their times are known well enough to go by. */
const ENOUGH_ANSWERS = 50;
/** Before that, a call that had this long had time enough; milliseconds. */
const FLOOR_MS = 50;
/** Answers are looked back at for this long to twice this long; microseconds. */
const HALF_WINDOW_MICROS = 30_000_000;
/** Of a long row of timeouts the latest are enough. */
const MAX_KEPT = 100;
const MICROS_PER_MS = 1_000;

/**
 * Whether a call that timed out speaks against its endpoint: not where the caller left it no time.
 * A deadline of 1 ms fails on every server, and five such calls in a row must not eject the one
 * that they happened to reach.
 *
 * ## Rule
 *
 * A timeout counts as a failure where the call had at least the time within which 90 % of the
 * service's answers come. Until 50 answers are known it counts where the call had 50 ms.
 *
 * ## All callers in a hurry
 *
 * Where no call has that much time, a server that hangs would stay. So a timeout counts in part
 * where at least half of the answers come within the time that the call had: with a share `s` of
 * them as -log10(1 - s) of a failure, which is 1 at 90 % and 0.3 at one half. The parts of one
 * endpoint add up until it answers. A healthy server reaches n failures in such a row with
 * probability 10^-n, whatever the deadlines of its callers are.
 *
 * ## Answers that were not waited for
 *
 * Of a call that was given up only that it took longer is known. It is counted so once its endpoint
 * answers again: then it was slow, and not gone. Otherwise answers to callers in a hurry would look
 * fast, since only the fast ones arrive.
 *
 * Costs a few nanoseconds per answer, and a pass over 2,000 counters per timeout. Times are ticks
 * (see `toTick`), which are not objects.
 */
export class TimeoutEvidence {
  #recent: Sample = new Sample();
  #older: Sample = new Sample();
  #recentSince: number;

  constructor(nowTick: number) {
    this.#recentSince = nowTick;
  }

  /** It answered, well or with an error of the application. Hot path. */
  answered(endpoint: TimedEndpoint, startTick: number, nowTick: number): void {
    this.#turn(nowTick);
    const micros = (nowTick - startTick) | 0;
    // Negative where the ticks went round.
    if (micros >= 0) this.#recent.answers.add(micros);
    if (endpoint.unanswered !== undefined) this.#acquit(endpoint, endpoint.unanswered);
  }

  /**
   * Whether the timeout of a call that had this long is a failure of the endpoint. NaN where it is
   * unknown how long it had: then it is.
   */
  counts(endpoint: TimedEndpoint, hadMs: number, nowTick: number): boolean {
    if (!(hadMs >= 0)) return true;
    this.#turn(nowTick);
    let row = endpoint.unanswered;
    if (row === undefined) {
      row = { hadMs: [], part: 0 };
      endpoint.unanswered = row;
    }
    if (row.hadMs.length >= MAX_KEPT) row.hadMs.shift();
    row.hadMs.push(hadMs);
    row.part += this.#weight(hadMs);
    if (row.part < 1) return false;
    row.part -= 1;
    return true;
  }

  #acquit(endpoint: TimedEndpoint, { hadMs }: Unanswered): void {
    for (const each of hadMs) this.#recent.givenUp.add(each * MICROS_PER_MS);
    endpoint.unanswered = undefined;
  }

  /** The part of a failure that a timeout after this long is, 0 to 1. */
  #weight(hadMs: number): number {
    const [recent, older] = [this.#recent, this.#older];
    const micros = hadMs * MICROS_PER_MS;
    const answers = recent.answers.total + older.answers.total;
    const within = recent.answers.within(micros) + older.answers.within(micros);
    // Given up after less than this, a call does not say how many take longer.
    const known = answers + recent.givenUp.from(micros) + older.givenUp.from(micros);
    if (known < ENOUGH_ANSWERS) return hadMs >= FLOOR_MS ? 1 : 0;
    const share = within / known;
    if (share >= FULL_SHARE) return 1;
    return share < LEAST_SHARE ? 0 : -Math.log10(1 - share);
  }

  #turn(nowTick: number): void {
    const age = (nowTick - this.#recentSince) | 0;
    if (age >= 0 && age < HALF_WINDOW_MICROS) return;
    const oldest = this.#older;
    this.#older = this.#recent;
    // Long ago, or so long that the ticks went round.
    if (age < 0 || age >= 2 * HALF_WINDOW_MICROS) this.#older.clear();
    oldest.clear();
    this.#recent = oldest;
    this.#recentSince = nowTick;
  }
}

class Sample {
  readonly answers: LatencyCounts = new LatencyCounts();
  /** How long calls had that were given up although their endpoint was well. */
  readonly givenUp: LatencyCounts = new LatencyCounts();

  clear(): void {
    this.answers.clear();
    this.givenUp.clear();
  }
}
