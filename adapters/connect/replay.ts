/** The single message of a server stream's request, for each attempt anew. */
export class Replay<T> implements AsyncIterable<T> {
  readonly #source: AsyncIterable<T>;
  #messages: Promise<readonly T[]> | undefined;

  constructor(source: AsyncIterable<T>) {
    this.#source = source;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    this.#messages ??= collect(this.#source);
    yield* await this.#messages;
  }
}

async function collect<T>(source: AsyncIterable<T>): Promise<readonly T[]> {
  const messages: T[] = [];
  for await (const message of source) messages.push(message);
  return messages;
}
