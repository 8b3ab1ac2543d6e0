import { type Endpoint, Outcome } from '../../src/index.js';
import type { Attempt } from './attempt.js';
import { AttemptFailed } from './attempt-failed.js';

/** Most exchanges have one attempt: no list is made for those that have no more. */
const NONE: readonly never[] = [];

/**
 * The attempts of one exchange: where they went, which of them are in progress, and the one whose
 * response the caller sees.
 */
export abstract class Attempts {
  /** The caller sees this one. */
  protected committed: Attempt | undefined;
  #first: Attempt | undefined;
  #further: readonly Attempt[] = NONE;

  protected get count(): number {
    return this.#first === undefined ? 0 : 1 + this.#further.length;
  }

  /** Where they went, in their order. */
  protected get tried(): readonly Endpoint[] {
    return this.#first === undefined ? NONE : this.#all().map(({ endpoint }) => endpoint);
  }

  /** In progress. */
  protected get live(): readonly Attempt[] {
    return this.#all().filter(({ stage }) => stage === 'live');
  }

  protected add(attempt: Attempt): void {
    if (this.#first === undefined) this.#first = attempt;
    else this.#further = [...this.#further, attempt];
  }

  /** Ends those in progress but the one that the caller sees. */
  protected loseOthers(): void {
    if (this.#further === NONE) return;
    for (const attempt of this.live) if (attempt !== this.committed) this.lose(attempt);
  }

  /**
   * Another attempt was answered first. This one takes no more of its server; for `service.call()`
   * it goes on until that one has ended, so that the call is told of the winner first.
   */
  protected lose(attempt: Attempt): void {
    attempt.stage = 'lost';
    attempt.abort(leftError());
  }

  protected endLost(): void {
    if (this.#further === NONE) return;
    const { Cancelled } = Outcome;
    for (const attempt of this.#all()) {
      if (attempt.stage === 'lost' && !attempt.finished)
        attempt.end(Cancelled, new AttemptFailed(undefined, { outcome: Cancelled, repeat: 'never' }));
    }
  }

  /** Ends an attempt that the caller will not see. */
  protected leave(attempt: Attempt, outcome: Outcome, error: unknown): void {
    attempt.stage = 'over';
    attempt.end(outcome, error);
    attempt.abort(leftError());
  }

  #all(): readonly Attempt[] {
    return this.#first === undefined ? NONE : [this.#first, ...this.#further];
  }
}

const leftError = (): Error => Object.assign(new Error('left for another attempt'), { code: 'UND_ERR_ABORTED' });
