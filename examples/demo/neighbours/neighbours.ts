import type { Finding } from '../scenes.js';
import { startHttp } from './http.js';
import { startMysql } from './mysql.js';
import { type Neighbour, type NeighbourContext, NotHere } from './neighbour.js';
import { startRedis } from './redis.js';

const STARTS = { HTTP: startHttp, Redis: startRedis, MySQL: startMysql };
const EVERY_MS = 40;

interface Counted {
  readonly neighbour: Neighbour;
  done: number;
  failed: number;
  lastError: string;
}

/**
 * What a program calls beside gRPC, over the same mesh and registry. One that this machine has no
 * servers of is named, and missed by nothing.
 */
export class Neighbours {
  readonly #tell: (event: string) => void;
  readonly #all: Counted[] = [];
  readonly #running = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #starting: Promise<unknown> | undefined;
  #startedAtMs = 0;
  #stopped = false;
  #next = 0;

  constructor(tell: (event: string) => void) {
    this.#tell = tell;
  }

  /** Resolves once those that this machine has are called. */
  async start(context: NeighbourContext): Promise<void> {
    const starts = Object.entries(STARTS).map(([name, start]) => this.#start(name, () => start(context)));
    this.#starting = Promise.all(starts);
    await this.#starting;
    if (this.#stopped) return;
    this.#startedAtMs = performance.now();
    this.#timer = setInterval(() => this.#tick(), EVERY_MS);
  }

  /** One server of each that survives it dies. */
  hurt(): void {
    for (const { neighbour } of this.#all) neighbour.hurt?.();
  }

  /** `catalog (HTTP): 0 of 1200 failed`, each. */
  get totals(): readonly string[] {
    return this.#all.map(({ neighbour, done, failed }) => `${neighbour.title}: ${failed} of ${done} failed`);
  }

  get findings(): readonly Finding[] {
    const afterMs = performance.now() - this.#startedAtMs;
    return this.#all.map(({ neighbour: { title }, done, failed, lastError }) => ({
      claim: `${title}: no call fails${failed === 0 ? '' : `, but ${failed} of ${done} did: ${lastError}`}`,
      ok: failed === 0 && done > 0,
      afterMs,
    }));
  }

  /** No new calls; resolves when those in progress have ended. */
  async settle(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#running);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.settle();
    await this.#starting;
    await Promise.all(this.#all.map(({ neighbour }) => neighbour.stop()));
  }

  stopNow(): void {
    this.#stopped = true;
    for (const { neighbour } of this.#all) neighbour.stopNow();
  }

  async #start(name: string, start: () => Promise<Neighbour>): Promise<void> {
    try {
      const neighbour = await start();
      this.#all.push({ neighbour, done: 0, failed: 0, lastError: '' });
      if (!this.#stopped) this.#tell(`${neighbour.title} is called too`);
    } catch (error) {
      const why = error instanceof NotHere ? error.message : `it did not start: ${(error as Error).message}`;
      if (!this.#stopped) this.#tell(`without ${name}: ${why}`);
    }
  }

  #tick(): void {
    const i = this.#next++;
    for (const counted of this.#all) {
      const work = counted.neighbour
        .work(i)
        .catch((error: Error) => {
          counted.failed++;
          counted.lastError = error.message;
        })
        .finally(() => {
          counted.done++;
          this.#running.delete(work);
        });
      this.#running.add(work);
    }
  }
}
