import { Backoff } from '../runtime/backoff.js';
import { type Clock, sleep, withTimeout } from '../runtime/clock.js';
import { FairleadError } from '../runtime/errors.js';
import { headersToSend } from '../runtime/http-fields.js';
import { number, type Reader, readOptions } from '../runtime/options.js';
import type { Random } from '../runtime/random.js';
import type { AlertEvent } from './alert.js';

export interface WebhookOptions {
  /** Where to POST to, http or https. It is in no error, as it may hold a token. */
  readonly url: string;
  /** Default: none but `content-type: application/json`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** For one attempt; milliseconds. Default 5,000; 1 to 600,000. */
  readonly timeoutMs?: number;
}

export type WebhookSettings = Required<WebhookOptions>;

/** As many events wait while the receiver does not answer; the oldest are dropped then. */
const MAX_WAITING = 100;
const ATTEMPTS = 5;
const BACKOFF = { baseMs: 1_000, maxMs: 60_000, jitter: 0.5 };

export const readWebhook: Reader<WebhookSettings | undefined> = (value, name) => {
  if (value === undefined) return undefined;
  return readOptions<WebhookSettings>(name, value, {
    url: (url, at) => {
      if (typeof url === 'string' && /^https?:\/\/./.test(url) && URL.canParse(url)) return url;
      throw new FairleadError('FAIRLEAD_INVALID_OPTION', `${at} is not an address of http or https (value not shown).`);
    },
    headers: headersToSend,
    timeoutMs: number(5_000, 1, 600_000),
  });
};

/** Posts events to one address, in their order, several at once where they came meanwhile. */
export class Webhook {
  readonly #settings: WebhookSettings;
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  readonly #failed: (error: Error) => void;
  readonly #stop = new AbortController();
  readonly #end = new AbortController();
  #waiting: AlertEvent[] = [];
  #sending = false;

  constructor(settings: WebhookSettings, clock: Clock, random: Random, failed: (error: Error) => void) {
    this.#settings = settings;
    this.#clock = clock;
    this.#backoff = new Backoff(random, BACKOFF);
    this.#failed = failed;
  }

  send(events: readonly AlertEvent[]): void {
    this.#waiting.push(...events);
    if (this.#waiting.length > MAX_WAITING) this.#waiting = this.#waiting.slice(-MAX_WAITING);
    if (!this.#sending) void this.#sendAll();
  }

  close(): void {
    this.#stop.abort();
    this.#end.abort();
  }

  /** What it holds has one more attempt and no pause: a process that ends does not wait for it. */
  end(): void {
    this.#end.abort();
  }

  async #sendAll(): Promise<void> {
    this.#sending = true;
    while (this.#waiting.length > 0 && !this.#stop.signal.aborted) {
      const events = this.#waiting;
      this.#waiting = [];
      await this.#deliver(JSON.stringify({ source: 'fairlead', events }));
    }
    this.#sending = false;
  }

  async #deliver(body: string): Promise<void> {
    let why = '';
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      why = await this.#attempt(body);
      if (this.#stop.signal.aborted) return;
      if (why === '') {
        this.#backoff.reset();
        return;
      }
      if (attempt === ATTEMPTS || this.#end.signal.aborted) break;
      await sleep(this.#clock, this.#backoff.next(), this.#end.signal).catch(() => {});
      if (this.#stop.signal.aborted) return;
    }
    const attempts = this.#end.signal.aborted ? 'before the mesh was closed' : `after ${ATTEMPTS} attempts`;
    this.#failed(
      new FairleadError('FAIRLEAD_WEBHOOK', `The webhook for alerts did not take them ${attempts}: ${why}.`),
    );
  }

  /** Why it failed; '' where it did not. What fetch throws may show the address. */
  async #attempt(body: string): Promise<string> {
    const { url, headers, timeoutMs } = this.#settings;
    const abort = new AbortController();
    const signal = AbortSignal.any([abort.signal, this.#stop.signal]);
    const request = fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
      signal,
      redirect: 'error',
    });
    try {
      const response = await withTimeout(this.#clock, timeoutMs, request, () => new Error('late'));
      void response.body?.cancel().catch(() => {});
      return response.ok ? '' : `it answered ${response.status}`;
    } catch (thrown) {
      abort.abort();
      const { code } = ((thrown as Error).cause ?? {}) as { code?: unknown };
      if ((thrown as Error).message === 'late') return `no answer within ${timeoutMs} ms`;
      return typeof code === 'string' ? code : 'it cannot be reached';
    }
  }
}
