/** An attempt as a link of the list. */
export interface LiveAttempt {
  /** Neighbours in the list. */
  olderLive: LiveAttempt | undefined;
  newerLive: LiveAttempt | undefined;
  breakOff(): void;
}

/** Attempts whose streams are open, over all channels of a mesh: an intrusive list. */
export class LiveAttempts {
  #newest: LiveAttempt | undefined;

  add(attempt: LiveAttempt): void {
    const newest = this.#newest;
    attempt.olderLive = newest;
    if (newest !== undefined) newest.newerLive = attempt;
    this.#newest = attempt;
  }

  /** Also of one that is not in it. */
  remove(attempt: LiveAttempt): void {
    const { olderLive, newerLive } = attempt;
    if (newerLive !== undefined) newerLive.olderLive = olderLive;
    else if (this.#newest === attempt) this.#newest = olderLive;
    else return;
    if (olderLive !== undefined) olderLive.newerLive = newerLive;
    attempt.olderLive = undefined;
    attempt.newerLive = undefined;
  }

  /** The mesh is closed, and waits no longer. */
  breakOff(): void {
    for (let attempt = this.#newest; attempt !== undefined; ) {
      // It may leave the list.
      const older: LiveAttempt | undefined = attempt.olderLive;
      attempt.breakOff();
      attempt = older;
    }
  }
}
