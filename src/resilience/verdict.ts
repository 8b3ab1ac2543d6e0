import { Outcome } from '../runtime/outcome.js';

/**
 * May a failed call be made again?
 * - `always`: nothing of it was executed, or the adapter knows that a repeat does no harm.
 * - `idempotent`: it may have taken effect; only if the caller says that twice is as good as once.
 * - `never`: it was answered; a repeat would be answered the same.
 */
export type Repeat = 'always' | 'idempotent' | 'never';

/** What an adapter knows about a failed call. */
export interface Verdict {
  readonly outcome: Outcome;
  /** Default: by the outcome, as `repeatAfter` says. */
  readonly repeat?: Repeat | undefined;
  /**
   * What the server said about when to repeat; `NEVER_REPEAT` for not at all. Milliseconds.
   * Default: nothing said.
   */
  readonly retryAfterMs?: number | undefined;
}

/** A verdict in which nothing is left open. */
export interface FullVerdict {
  readonly outcome: Outcome;
  readonly repeat: Repeat;
  readonly retryAfterMs: number | undefined;
}

/** An adapter's judgement of what a call threw; an outcome alone where nothing else is known. */
export type Classify = (thrown: unknown) => Outcome | Verdict;

/** Whether a call with this outcome may be repeated, by default. */
export function repeatAfter(outcome: Outcome): Repeat {
  switch (outcome) {
    // No connection, so nothing was sent.
    case Outcome.ConnectFailure:
      return 'always';
    // A 429 may come from anywhere on the way, also after work was done: RFC 6585 does not promise
    // that nothing was.
    case Outcome.Failure:
    case Outcome.Timeout:
    case Outcome.Overloaded:
      return 'idempotent';
    default:
      return 'never';
  }
}

const REPEATS: ReadonlySet<Repeat> = new Set(['always', 'idempotent', 'never']);

/**
 * A verdict with what it does not say, or says in words that we do not know, by its outcome. A
 * pause that is no number of milliseconds counts as not said.
 */
export function completed({ outcome, repeat, retryAfterMs }: Verdict): FullVerdict {
  return {
    outcome,
    repeat: repeat !== undefined && REPEATS.has(repeat) ? repeat : repeatAfter(outcome),
    retryAfterMs: retryAfterMs !== undefined && retryAfterMs >= 0 ? retryAfterMs : undefined,
  };
}

/**
 * True where a call that ended so may have changed something on the server without the caller
 * knowing.
 */
export function mayHaveTakenEffect(outcome: Outcome, repeat: Repeat): boolean {
  if (repeat === 'always') return false;
  return outcome === Outcome.Failure || outcome === Outcome.Timeout || outcome === Outcome.Cancelled;
}
