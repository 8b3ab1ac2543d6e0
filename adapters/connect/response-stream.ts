import { Code, ConnectError } from '@connectrpc/connect';

/** The messages of a response, and the moment at which nobody will read any more of them. */
export interface WatchedMessages<T> {
  readonly messages: AsyncIterable<T>;
  /**
   * Resolves at the end of the response; rejects with what it threw, or with CANCELED where the
   * reader left.
   */
  readonly ended: Promise<void>;
}

/**
 * Clients of Connect hide `return()` from their readers, so a reader that leaves early without
 * aborting its signal tells nobody. What is left of it is garbage, and when that is collected the
 * call ends.
 */
const forgotten = new FinalizationRegistry<() => void>((leave) => leave());

export function watchMessages<T>(
  source: AsyncIterable<T>,
  translate: (thrown: unknown) => unknown,
): WatchedMessages<T> {
  const { promise: ended, resolve, reject } = withResolvers();
  const leave = (): void => reject(new ConnectError('The response was not read to its end.', Code.Canceled));
  const iterator = source[Symbol.asyncIterator]();
  // Held by the reader alone: the registry and the call must not keep it alive.
  const messages = new WatchedIterator(iterator, { resolve, reject, leave }, translate);
  forgotten.register(messages, leave);
  return { messages, ended };
}

interface End {
  resolve(): void;
  reject(thrown: unknown): void;
  leave(): void;
}

class WatchedIterator<T> implements AsyncIterableIterator<T> {
  readonly #source: AsyncIterator<T>;
  readonly #end: End;
  readonly #translate: (thrown: unknown) => unknown;

  constructor(source: AsyncIterator<T>, end: End, translate: (thrown: unknown) => unknown) {
    this.#source = source;
    this.#end = end;
    this.#translate = translate;
  }

  async next(): Promise<IteratorResult<T>> {
    try {
      const result = await this.#source.next();
      if (result.done) this.#end.resolve();
      return result;
    } catch (thrown) {
      this.#end.reject(thrown);
      throw this.#translate(thrown);
    }
  }

  async return(value?: unknown): Promise<IteratorResult<T>> {
    this.#end.leave();
    await this.#source.return?.();
    return { done: true, value };
  }

  async throw(thrown?: unknown): Promise<IteratorResult<T>> {
    this.#end.leave();
    await this.#source.return?.();
    throw thrown;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** `Promise.withResolvers`, which Node 20 does not have. */
function withResolvers(): { promise: Promise<void>; resolve: () => void; reject: (thrown: unknown) => void } {
  let resolve: () => void = () => {};
  let reject: (thrown: unknown) => void = () => {};
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
