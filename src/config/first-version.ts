import type { Clock } from '../runtime/clock.js';
import { holdProcess } from '../runtime/hold-process.js';
import type { ConfigVersion } from './version.js';

interface Waiting {
  resolve(version: ConfigVersion): void;
  reject(error: Error): void;
}

/** Those who wait for the first version of a store: while one does, the process stays alive. */
export class FirstVersion {
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiting>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  wait(): Promise<ConfigVersion> {
    return new Promise<ConfigVersion>((resolve, reject) => {
      const held = holdProcess(this.#clock);
      this.#waiting.add({
        resolve: (version) => {
          held.cancel();
          resolve(version);
        },
        reject: (error) => {
          held.cancel();
          reject(error);
        },
      });
    });
  }

  /** It is in force. */
  is(version: ConfigVersion): void {
    for (const each of this.#take()) each.resolve(version);
  }

  /** None is to come. */
  fail(error: Error): void {
    for (const each of this.#take()) each.reject(error);
  }

  #take(): readonly Waiting[] {
    const all = [...this.#waiting];
    this.#waiting.clear();
    return all;
  }
}
