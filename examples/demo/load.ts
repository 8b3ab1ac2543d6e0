import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import type { Client } from './client.js';

/** Gives up on a call after this long: a user's patience, and what a hung server costs at most. */
const DEADLINE_MS = 500;
const TICK_MS = 5;
/** After a stall of the machine, this many calls are made up for at once; the rest is left out. */
const MAX_BURST = 20;

/** Calls at a steady rate, whether the servers keep up or not, as independent users would. */
export class Load {
  readonly #client: Client;
  readonly #perSecond: number;
  readonly #timer: NodeJS.Timeout;
  readonly #running = new Set<Promise<void>>();
  readonly #failures = new Map<string, number>();
  /** How long callers waited, in microseconds, failed calls included. */
  readonly #latency: RecordableHistogram = createHistogram({ lowest: 1, highest: 60_000_000, figures: 2 });
  #accountedMs = performance.now();
  #calls = 0;
  #failed = 0;

  constructor(client: Client, perSecond: number) {
    this.#client = client;
    this.#perSecond = perSecond;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Calls that ended. */
  get calls(): number {
    return this.#calls;
  }

  get failed(): number {
    return this.#failed;
  }

  /** Failed calls by the name of their error, most frequent first. */
  get failures(): readonly (readonly [name: string, count: number])[] {
    return [...this.#failures].sort(([, a], [, b]) => b - a);
  }

  percentileMs(percentile: number): number {
    return this.#latency.count === 0 ? Number.NaN : this.#latency.percentile(percentile) / 1_000;
  }

  /** No new calls; resolves when those in progress have ended. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#running);
  }

  #tick(): void {
    const due = Math.floor(((performance.now() - this.#accountedMs) / 1_000) * this.#perSecond);
    this.#accountedMs += (due / this.#perSecond) * 1_000;
    for (let i = 0; i < Math.min(due, MAX_BURST); i++) {
      const call = this.#call();
      this.#running.add(call);
      void call.finally(() => this.#running.delete(call));
    }
  }

  async #call(): Promise<void> {
    const startMs = performance.now();
    const id = 1 + Math.floor(Math.random() * 1_000);
    try {
      const user = await this.#client.get(id, DEADLINE_MS);
      if (user.id !== id) throw Object.assign(new Error('somebody else’s answer'), { code: 'WRONG_ANSWER' });
    } catch (error) {
      this.#failed++;
      const name = nameOf(error);
      this.#failures.set(name, (this.#failures.get(name) ?? 0) + 1);
    }
    this.#calls++;
    this.#latency.record(Math.max(1, Math.round((performance.now() - startMs) * 1_000)));
  }
}

function nameOf(error: unknown): string {
  const { code, details } = error as { readonly code?: unknown; readonly details?: unknown };
  if (code === 4) return 'deadline exceeded';
  if (code === 14) return 'server unavailable';
  return typeof code === 'string' ? code : `${String(code)} ${String(details ?? error)}`;
}
