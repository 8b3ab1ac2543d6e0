import { setTimeout as sleep } from 'node:timers/promises';
import { type Random, seededRandom } from 'fairlead/testing';
import { type ClientHistory, nowMs } from '../history.js';
import type { Fault, FaultKind } from '../part.js';
import type { Registry } from './registry.js';

/** The key in the KV store of the registry. */
export const CONFIG_KEY = 'campaign/mesh';

/** Changes of the configuration: no call may notice one. */
export const CONFIG_FAULTS: readonly FaultKind[] = [
  { kind: 'config', targets: 1, lastsMs: [1, 5], weight: 3 },
  { kind: 'config-wrong', targets: 1, lastsMs: [1, 5], weight: 2 },
  { kind: 'config-storm', targets: 1, lastsMs: [1, 5], weight: 0.5 },
];

/** Each document has a number of its own in `waitForReadyMs`, which no call here meets. */
const FIRST = 5_000;
/** The one that is written after the last fault. */
export const LAST = 9_999;

interface Written {
  readonly number: number;
  readonly valid: boolean;
  readonly atMs: number;
}

/** Writes documents for a `fairlead/config` store, right ones and wrong ones, and remembers which. */
export class Documents {
  readonly #registry: Registry;
  readonly #service: string;
  /** What stays as it is in each document. */
  readonly #always: object;
  readonly #written: Written[] = [];
  #next = FIRST;

  constructor(registry: Registry, service: string, always: object) {
    this.#registry = registry;
    this.#service = service;
    this.#always = always;
  }

  async writeFirst(): Promise<void> {
    await this.#write(seededRandom(1), this.#next++);
  }

  /** Undefined: not a change of the configuration. */
  async begin({ kind, atMs }: Fault): Promise<(() => Promise<void>) | undefined> {
    const random = seededRandom(atMs);
    if (kind === 'config') await this.#write(random, this.#next++);
    else if (kind === 'config-wrong') await this.#writeWrong(random);
    else if (kind === 'config-storm') {
      for (let i = 0; i < 6; i++) await (i % 3 === 2 ? this.#writeWrong(random) : this.#write(random, this.#next++));
    } else return undefined;
    return async () => {};
  }

  /** After the last fault: what every client has to go by then. */
  async heal(): Promise<void> {
    const random = seededRandom(2);
    for (let tries = 0; !(await this.#write(random, LAST)); tries++) {
      if (tries === 50) throw new Error('the last document could not be written');
      await sleep(100);
    }
  }

  finish(history: ClientHistory): void {
    for (const { number, ...rest } of this.#written) history.invoke(0, 'config-put', String(number), rest).ok();
  }

  #write(random: Random, number: number): Promise<boolean> {
    const service = { ...servable(random), ...this.#always, waitForReadyMs: number };
    return this.#put(JSON.stringify({ services: { [this.#service]: service } }), number, true);
  }

  #writeWrong(random: Random): Promise<boolean> {
    const number = this.#next++;
    const right = { ...servable(random), ...this.#always, waitForReadyMs: number };
    const wrong = [
      JSON.stringify({ services: { [this.#service]: { ...right, policy: 'round_robbin' } } }),
      JSON.stringify({ services: { [this.#service]: { ...right, panicThreshold: 7 } } }),
      JSON.stringify({ services: { [this.#service]: { ...right, polciy: 'random' } } }),
      JSON.stringify({ services: { [this.#service]: right, other: { health: [{ outlier_detection: 3 }] } } }),
      JSON.stringify({ services: { [this.#service]: right }, resolver: { consul: { token: 'written-out-31415' } } }),
      JSON.stringify({ services: { [this.#service]: right } }).slice(0, -2),
      '',
      '[]',
    ];
    return this.#put(wrong[random.below(wrong.length)]!, number, false);
  }

  /** Where the registry is down nothing was written; where it was cut in between, it may have been. */
  async #put(text: string, number: number, valid: boolean): Promise<boolean> {
    const atMs = nowMs();
    this.#written.push({ number, valid, atMs });
    return await this.#registry.put(CONFIG_KEY, text).then(
      () => true,
      () => false,
    );
  }
}

/** Options with which every call is served that could be served. */
function servable(random: Random): object {
  const oneOf = <T>(...values: readonly T[]): T => values[random.below(values.length)]!;
  const deadlineMs = oneOf(undefined, 5_000 + random.below(5_000));
  const limits = oneOf(undefined, { maxInflightPerEndpoint: 20 + random.below(20), maxPending: 500 });
  return {
    policy: oneOf<unknown>(
      'round_robin',
      'random',
      'maglev',
      { peak_ewma: { decayMs: 1_000 + random.below(9_000) } },
      { least_request: { choices: 2 + random.below(3) } },
    ),
    health: oneOf<unknown>(
      [{ consecutive_failures: { failures: 3 + random.below(5) } }],
      ['consecutive_failures', { outlier_detection: { failurePercentage: true } }],
    ),
    resilience: { ...(deadlineMs && { deadlineMs }), ...(limits && { limits }) },
    ...(random.below(3) === 0 && { aperture: { size: 2 + random.below(2) } }),
    ...(random.below(3) === 0 && { slowStart: { windowMs: 100 + random.below(900) } }),
  };
}
