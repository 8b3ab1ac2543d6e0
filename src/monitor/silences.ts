import type { Clock } from '../runtime/clock.js';
import { invalidOption, number, oneOf, optional, readOptions, text } from '../runtime/options.js';
import type { ActiveSilence, Silence } from './alert.js';
import { RULES } from './rules/finding.js';

const YEAR_MS = 31_536_000_000;

interface Kept {
  readonly silence: Omit<ActiveSilence, 'untilMs'>;
  /** By the clock that does not jump. */
  readonly endMs: number;
}

/** Which alerts nothing is sent of, and until when. */
export class Silences {
  readonly #clock: Clock;
  readonly #kept = new Map<number, Kept>();
  #next = 1;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Returns its id. Throws FAIRLEAD_INVALID_OPTION. */
  add(given: Silence): number {
    const read = readOptions<Omit<ActiveSilence, 'id' | 'untilMs'> & { readonly forMs: number }>('silence', given, {
      rule: optional(oneOf(RULES[0], ...RULES)),
      subject: text(undefined),
      by: text(undefined),
      reason: text(undefined),
      forMs: number(Number.NaN, 1, YEAR_MS),
    });
    // Needed: one without an end would be forgotten.
    if (Number.isNaN(read.forMs)) throw invalidOption('silence.forMs', undefined, `a number from 1 to ${YEAR_MS}`);
    const { forMs, ...silence } = read;
    const id = this.#next++;
    this.#kept.set(id, { silence: { id, ...silence }, endMs: this.#clock.now() + forMs });
    return id;
  }

  /** False where it is over already. */
  end(id: number): boolean {
    this.#dropOver();
    return this.#kept.delete(id);
  }

  /** Those that hold now, the oldest first. */
  get active(): readonly ActiveSilence[] {
    this.#dropOver();
    const offsetMs = this.#clock.wallMs() - this.#clock.now();
    return [...this.#kept.values()].map(({ silence, endMs }) => ({ ...silence, untilMs: endMs + offsetMs }));
  }

  covers({ rule, subject }: { readonly rule: string; readonly subject: string }): boolean {
    if (this.#kept.size === 0) return false;
    this.#dropOver();
    for (const { silence } of this.#kept.values()) {
      if ((silence.rule ?? rule) === rule && (silence.subject ?? subject) === subject) return true;
    }
    return false;
  }

  #dropOver(): void {
    const nowMs = this.#clock.now();
    for (const [id, { endMs }] of this.#kept) if (endMs <= nowMs) this.#kept.delete(id);
  }
}
