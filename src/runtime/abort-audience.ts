/**
 * Fans one abort listener out to many callbacks: a program passes all its
 * calls the signal that ends it, and Node warns of a leak from the eleventh listener on. Entering
 * and leaving cost a tenth of adding a listener.
 */
class AbortAudience {
  readonly #signal: AbortSignal;
  readonly #hearers = new Set<() => void>();
  readonly #aborted = (): void => {
    audiences.delete(this.#signal);
    for (const hear of this.#hearers) hear();
    this.#hearers.clear();
  };

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', this.#aborted, { once: true });
  }

  enter(hear: () => void): void {
    this.#hearers.add(hear);
  }

  leave(hear: () => void): void {
    this.#hearers.delete(hear);
    if (this.#hearers.size > 0) return;
    audiences.delete(this.#signal);
    this.#signal.removeEventListener('abort', this.#aborted);
  }
}

const audiences = new WeakMap<AbortSignal, AbortAudience>();

/** `hear` is called once when the signal, which has not, aborts. It must not throw. */
export function whenAborted(signal: AbortSignal, hear: () => void): void {
  let audience = audiences.get(signal);
  if (audience === undefined) {
    audience = new AbortAudience(signal);
    audiences.set(signal, audience);
  }
  audience.enter(hear);
}

/** It is not called any more. */
export function forgetAbort(signal: AbortSignal, hear: () => void): void {
  audiences.get(signal)?.leave(hear);
}
