import { Code, ConnectError } from '@connectrpc/connect';
import { withResolvers } from '../../src/adapter.js';
import type { StreamEnd } from './stream-end.js';

/** The messages of a response, and the moment after which no more of them will be read. */
export interface WatchedMessages<T> {
  readonly messages: AsyncIterable<T>;
  /**
   * Resolves when the server has ended the response, read or not; rejects with what it threw, or
   * with CANCELED where the reader left before.
   */
  readonly ended: Promise<void>;
  /** Resolves when its reader is done with it: false where it left early. */
  readonly read: Promise<boolean>;
}

/**
 * Clients of Connect hide `return()` from their readers, so nothing shows that a reader left early
 * without aborting its signal. What is left of it is garbage, and when that is collected the call
 * ends.
 */
const forgotten = new FinalizationRegistry<() => void>((leave) => leave());

export function watchMessages<T>(
  source: AsyncIterable<T>,
  translate: (thrown: unknown) => unknown,
  stream: StreamEnd,
): WatchedMessages<T> {
  const { promise: ended, resolve, reject } = withResolvers<void>();
  const { promise: read, resolve: done } = withResolvers<boolean>();
  stream.listen({ resolve, reject });
  const end: End = {
    resolve: () => {
      resolve();
      done(true);
    },
    reject: (thrown) => {
      reject(thrown);
      done(true);
    },
    leave: () => {
      reject(new ConnectError('The response was not read to its end.', Code.Canceled));
      done(false);
    },
  };
  const iterator = source[Symbol.asyncIterator]();
  // Held by the reader alone: the registry, the stream and the call must not keep it alive.
  const messages = new WatchedIterator(iterator, end, translate);
  forgotten.register(messages, end.leave);
  return { messages, ended, read };
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
