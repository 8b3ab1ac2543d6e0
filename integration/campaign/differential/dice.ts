import { type Random, seededRandom } from 'fairlead/testing';

/** What a generator of scripts draws from: the same seed, the same script. */
export class Dice {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  below(bound: number): number {
    return this.#random.below(bound);
  }

  chance(probability: number): boolean {
    return this.#random.float() < probability;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** One of the options, each as likely as its weight says. */
  weighted<T>(choices: readonly (readonly [weight: number, value: T])[]): T {
    let left = this.#random.float() * choices.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, value] of choices) {
      left -= weight;
      if (left < 0) return value;
    }
    return choices.at(-1)![1];
  }

  /** `length` draws of `draw`. */
  times<T>(length: number, draw: (index: number) => T): T[] {
    return Array.from({ length }, (_, index) => draw(index));
  }

  /** Each of the entries is there with the probability. */
  some<T extends object>(probability: number, entries: T): Partial<T> {
    const kept = Object.entries(entries).filter(() => this.chance(probability));
    return Object.fromEntries(kept) as Partial<T>;
  }

  /** Text that programs get wrong. */
  text(): string {
    return this.pick(TEXTS);
  }
}

const TEXTS: readonly string[] = [
  ...[
    '',
    'a',
    'rope',
    "it's",
    '"',
    '\\',
    'a\\',
    "\\'",
    '%',
    '_',
    '?',
    '??',
    ':a',
    '`',
    ';',
    '--',
    '/* x */',
    '\0',
    '\n',
  ],
  ...[
    'ä',
    'ß',
    '€',
    '語',
    '😀',
    'e\u0301',
    '\u202e',
    '\u00a0',
    ' a ',
    'NULL',
    'null',
    '0',
    '-1',
    '1e3',
    '0x41',
    'x'.repeat(300),
  ],
  ...['ä€ß語😀', '\r\n', '\t', '\x1a', '__proto__', 'constructor', '{a}', '[1]', 'é'.repeat(100)],
];
