/**
 * A promise that forgets itself once it is settled. The functions that settle a promise keep its
 * value alive, and a call that waits for a response to be forgotten must not hold the response.
 */
export class DeferredResponse<T> {
  #resolve: ((value: T) => void) | undefined;
  #reject: ((thrown: unknown) => void) | undefined;

  /** Returns the promise; call it once. */
  open(): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get settled(): boolean {
    return this.#resolve === undefined;
  }

  /** Only the first of `give` and `fail` counts. */
  give(value: T): void {
    this.#resolve?.(value);
    this.#forget();
  }

  fail(thrown: unknown): void {
    this.#reject?.(thrown);
    this.#forget();
  }

  #forget(): void {
    this.#resolve = undefined;
    this.#reject = undefined;
  }
}
