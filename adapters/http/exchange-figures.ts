import type { Endpoint } from '../../src/index.js';
import type { ExchangeContext } from './exchange-context.js';

/** Methods of HTTP that are reported by their name (the semantic conventions'); else `_OTHER`. */
const METHODS: ReadonlySet<string> = new Set([
  'CONNECT',
  'DELETE',
  'GET',
  'HEAD',
  'OPTIONS',
  'PATCH',
  'POST',
  'PUT',
  'QUERY',
  'TRACE',
]);

const FIRST_ERROR = 400;
const MICROS_PER_MS = 1_000;

/** What figures hear of one request over all its attempts. Made while somebody reads them. */
export class ExchangeFigures {
  readonly #context: Pick<ExchangeContext, 'counter' | 'clock'>;
  readonly #method: string;
  readonly #startMs: number;
  #ended = false;

  constructor(context: Pick<ExchangeContext, 'counter' | 'clock'>, method: string) {
    this.#context = context;
    this.#method = METHODS.has(method) ? method : '_OTHER';
    this.#startMs = context.clock.now();
  }

  /** A response was read whole. */
  answered(status: number): void {
    this.#end(String(status), status >= FIRST_ERROR);
  }

  /** There is none: by the code of the error, or its name. */
  failed({ code, name }: Error & { readonly code?: unknown }): void {
    this.#end(typeof code === 'string' ? code : name, true);
  }

  /** An attempt ended. */
  bytes(endpoint: Endpoint, sent: number, received: number): void {
    this.#context.counter.bytes(endpoint, sent, received);
  }

  #end(status: string, failed: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    const { counter, clock } = this.#context;
    counter.operations.of(this.#method, status, failed).add((clock.now() - this.#startMs) * MICROS_PER_MS);
  }
}
