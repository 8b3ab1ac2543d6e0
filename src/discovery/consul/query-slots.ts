/** Gives a slot back. */
export type Release = () => void;

/**
 * Limits what we have open at the agent, which refuses an address its 201st connection
 * (`limits.http_max_conns_per_client`), registrations included. Blocking queries and quick reads
 * have slots of their own, so that neither waits for the other.
 */
export class QuerySlots {
  #blocking: number;
  #reading: number;
  readonly #waiting: (() => void)[] = [];

  constructor(blocking: number, reading: number) {
    this.#blocking = blocking;
    this.#reading = reading;
  }

  /** A slot for a blocking query, or undefined when all are taken: then poll. */
  tryBlock(): Release | undefined {
    if (this.#blocking === 0) return undefined;
    this.#blocking--;
    return () => void this.#blocking++;
  }

  /** A slot for a quick read, in the order of asking. */
  async read(): Promise<Release> {
    if (this.#reading === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#reading--;
    return () => {
      const next = this.#waiting.shift();
      if (next === undefined) this.#reading++;
      else next();
    };
  }
}
