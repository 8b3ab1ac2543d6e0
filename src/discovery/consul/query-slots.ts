import { Semaphore } from '../../runtime/semaphore.js';

/** Returns a slot. */
export type Release = () => void;

/**
 * Limits what we have open at the agent, which refuses an address its 201st connection
 * (`limits.http_max_conns_per_client`), registrations included. Blocking queries and quick reads
 * have slots of their own, so that neither waits for the other.
 */
export class QuerySlots {
  readonly #blocking: Semaphore;
  readonly #reading: Semaphore;

  constructor(blocking: number, reading: number) {
    this.#blocking = new Semaphore(blocking);
    this.#reading = new Semaphore(reading);
  }

  /** A slot for a blocking query, or undefined when all are taken: then poll. */
  tryBlock(): Release | undefined {
    return this.#blocking.tryAcquire() ? () => this.#blocking.release() : undefined;
  }

  /** A slot for a quick read, in the order of asking. Rejects with the signal's reason. */
  async read(signal: AbortSignal): Promise<Release> {
    await this.#reading.acquire(signal);
    return () => this.#reading.release();
  }
}
