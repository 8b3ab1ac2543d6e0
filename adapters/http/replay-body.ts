import { BodyLetGo } from './body-let-go.js';
import type { RepeatLedger } from './repeat-ledger.js';

/**
 * A request body that can be sent again: what went out is kept up to a limit, and a later attempt
 * gets that first and then the rest of the source. Streaming is not delayed. Above the limit, its
 * own or that of all bodies together, what was kept is let go, and no further attempt is possible
 * once a chunk was taken.
 *
 * Several attempts may read it side by side. One that lacks a chunk that was let go fails: what it
 * sends must never look whole (RFC 9112, 8).
 */
export class ReplayBody {
  readonly #source: AsyncIterator<unknown> | Iterator<unknown>;
  readonly #limit: number;
  readonly #ledger: RepeatLedger;
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;
  /** Chunks that came from the source, kept or not. */
  #taken = 0;
  #overflow: 'body' | 'memory' | undefined;
  #touched = false;
  #pulling: Promise<IteratorResult<unknown>> | undefined;
  /** The source has ended. */
  #whole = false;
  #closed = false;

  constructor(source: AsyncIterable<unknown> | Iterable<unknown>, limit: number, ledger: RepeatLedger) {
    this.#source =
      Symbol.asyncIterator in source
        ? (source as AsyncIterable<unknown>)[Symbol.asyncIterator]()
        : (source as Iterable<unknown>)[Symbol.iterator]();
    this.#limit = limit;
    this.#ledger = ledger;
  }

  /** Whether an attempt from the beginning is possible. */
  get replayable(): boolean {
    return !this.#touched || this.#overflow === undefined;
  }

  /** Which limit it was above. */
  get overflow(): 'body' | 'memory' {
    return this.#overflow ?? 'body';
  }

  /**
   * The body for one attempt. One that is left takes nothing more from the source. Throws
   * BodyLetGo where it would have to leave something out.
   */
  async *attempt(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let at = 0; ; at++) {
      if (at < this.#taken) {
        const kept = this.#chunks[at];
        if (kept === undefined) throw new BodyLetGo();
        yield kept;
        continue;
      }
      if (this.#whole) return;
      if (this.#closed) throw new BodyLetGo();
      // An attempt that was left while it waited: what it waited for is this one's.
      this.#pulling ??= Promise.resolve(this.#source.next());
      this.#touched = true;
      const pulling = this.#pulling;
      const { done, value } = await pulling;
      if (this.#pulling === pulling) {
        this.#pulling = undefined;
        if (done) this.#whole = !this.#closed;
        else this.#keep(bytesOf(value));
      }
      // The exchange ended meanwhile: an end of the source is of its making.
      if (this.#closed) throw new BodyLetGo();
      if (done) return;
      yield bytesOf(value);
    }
  }

  /** The exchange is over: the source is told, so that a file or a socket behind it is closed. */
  close(): void {
    this.#forget();
    if (this.#closed) return;
    this.#closed = true;
    if (this.#whole) return;
    void Promise.resolve(this.#source.return?.()).catch(() => {});
  }

  #keep(chunk: Uint8Array): void {
    this.#taken++;
    if (this.#overflow !== undefined || this.#closed) return;
    if (this.#bytes + chunk.length > this.#limit) this.#overflow = 'body';
    else if (!this.#ledger.keep(chunk.length)) this.#overflow = 'memory';
    else {
      this.#bytes += chunk.length;
      this.#chunks.push(chunk);
      return;
    }
    this.#forget();
  }

  #forget(): void {
    this.#ledger.forget(this.#bytes);
    this.#bytes = 0;
    this.#chunks.length = 0;
  }
}

function bytesOf(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (typeof chunk === 'string') return Buffer.from(chunk);
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk);
  throw new TypeError('a chunk of a request body must be a string or bytes');
}

/** What can be taken only once; texts, bytes, Blobs and FormData can be taken again. */
export function isStreamed(body: unknown): body is AsyncIterable<unknown> {
  if (typeof body !== 'object' || body === null || body instanceof Uint8Array) return false;
  if ((body as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag] === 'FormData') return false;
  return Symbol.asyncIterator in body || Symbol.iterator in body;
}

/** Of a body that is not streamed; of one that is, nothing is known before. */
export function knownBytesOf(body: unknown): number {
  if (typeof body === 'string') return Buffer.byteLength(body);
  return ArrayBuffer.isView(body) ? body.byteLength : 0;
}
