/** Something that reads bytes which others wrote. */
export interface FuzzTarget {
  /** Also the name of its file in `corpus/`. */
  readonly name: string;
  /** Whole and right examples, which mutations begin with. */
  readonly examples: readonly (string | Buffer)[];
  /** Words of its language, spliced in; those of `COMMON_WORDS` are known everywhere. */
  readonly words?: readonly (string | Buffer)[];
  /**
   * Reads the input. What it throws or rejects with must be what `refusal` knows; anything else is
   * a crash. It may check more of what it read, by `expect`.
   */
  read(input: Buffer): unknown;
  /** Whether this is how the reader says no. Default: a FairleadError. */
  refusal?(error: unknown): boolean;
}

/** Must be in no error: inputs have it where secrets stand. */
export const CANARY = 'c4nary-S3cret';

/** What breaks readers of any language. */
export const COMMON_WORDS: readonly (string | Buffer)[] = [
  '',
  '\0',
  '\n',
  '\r\n',
  ' ',
  '"',
  "'",
  '\\',
  '%00',
  '%',
  '../',
  '__proto__',
  'constructor',
  'null',
  'NaN',
  '-0',
  '-1',
  '1e999',
  '18446744073709551616',
  '9007199254740993',
  '[',
  ']',
  '{',
  '}',
  '{"a":',
  ',',
  ':',
  ';',
  '=',
  '\u2028',
  '\ud800',
  'ﬁ',
  '\u202e',
  '\u001b[31m',
  Buffer.from([0xff]),
  Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]),
  Buffer.from([0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]),
  Buffer.alloc(64, 0x5b),
  Buffer.alloc(300, 0x7b),
  Buffer.alloc(1_024, 0x61),
];
