/**
 * Cuts SQL into the tokens that decide where a statement may run. Not a parser: it knows what is a
 * word, a string, a comment and a variable in MySQL and MariaDB, so that a keyword inside a string
 * is never taken for one, and nothing more. It never throws and never looks at a character twice.
 *
 * Sources: MySQL 9 Reference Manual, "Language Structure" (literals, comments, user variables);
 * MariaDB Knowledge Base, "Comment Syntax" (`/*M!`).
 */

/** Kinds of token below the keywords, whose numbers begin at FIRST_KEYWORD. */
export const Token = {
  End: 0,
  /** A word that is not a keyword here, a quoted identifier included. */
  Word: 1,
  Text: 2,
  Number: 3,
  Open: 4,
  Close: 5,
  Dot: 6,
  /** Any other character. The tokens from Word to here decide nothing by themselves. */
  Other: 7,
  Semicolon: 8,
  /** `@name`. */
  UserVariable: 9,
  /** `@@name`, with what leads it. */
  SystemVariable: 10,
  /** `:=` */
  Assign: 11,
  /** A comment whose text the server executes: `/*!`, `/*M!`. */
  ExecutableComment: 12,
  /** A string, quoted name or comment without an end. */
  Unterminated: 13,
  /** A space or a control character in some charsets only, which may begin a comment there. */
  Uncertain: 14,
} as const;

export const FIRST_KEYWORD = 32;

/** Finds a word in a fixed list without cutting it out of the text. */
export class Keywords {
  readonly #slots: Int32Array;
  readonly #words: readonly string[];

  constructor(words: readonly string[]) {
    this.#words = words;
    this.#slots = new Int32Array(SLOTS);
    for (const [index, word] of words.entries()) {
      let slot = hashOf(word, 0, word.length) & SLOT_MASK;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & SLOT_MASK;
      this.#slots[slot] = index + 1;
    }
  }

  /** The token of sql[start, end), whose hash is `hash`. */
  find(sql: string, start: number, end: number, hash: number): number {
    for (let slot = hash & SLOT_MASK; ; slot = (slot + 1) & SLOT_MASK) {
      const entry = this.#slots[slot]!;
      if (entry === 0) return Token.Word;
      const word = this.#words[entry - 1]!;
      if (word.length === end - start && equalsIgnoringCase(sql, start, word)) return FIRST_KEYWORD + entry - 1;
    }
  }
}

/** The bit that makes an ASCII letter small. */
const LOWER_CASE = 0x20;

/** Longer than the longest name of a function here, with its quotes. */
const LONGEST_QUOTED = 64;

/**
 * A power of two well above the number of keywords: most words that are none hit an empty slot at
 * once.
 */
const SLOTS = 2_048;
const SLOT_MASK = SLOTS - 1;

function hashOf(text: string, start: number, end: number): number {
  let hash = 0;
  for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + (text.charCodeAt(i) | LOWER_CASE)) | 0;
  return hash;
}

function equalsIgnoringCase(sql: string, start: number, word: string): boolean {
  for (let i = 0; i < word.length; i++) {
    if ((sql.charCodeAt(start + i) | LOWER_CASE) !== (word.charCodeAt(i) | LOWER_CASE)) return false;
  }
  return true;
}

/** Character codes, by name. */
const C = {
  space: 32,
  doubleQuote: 34,
  hash: 35,
  quote: 39,
  open: 40,
  close: 41,
  star: 42,
  plus: 43,
  minus: 45,
  dot: 46,
  slash: 47,
  colon: 58,
  semicolon: 59,
  equals: 61,
  at: 64,
  upperM: 77,
  backslash: 92,
  backtick: 96,
  lowerE: 101,
  lowerM: 109,
  bang: 33,
} as const;

export interface LexerOptions {
  /** Whether `\` escapes in strings; false under sql_mode NO_BACKSLASH_ESCAPES. */
  readonly backslashEscapes: boolean;
}

/** One statement text at a time; `start` makes it ready for the next. */
export class Lexer {
  readonly #keywords: Keywords;
  #sql = '';
  #at = 0;
  #backslashEscapes = true;
  /** Where the latest token stands in the text. */
  tokenStart = 0;
  /** Whether a quote was met whose meaning depends on whether backslashes escape. */
  sawEscapedQuote = false;
  readonly #firstFunction: number;

  /**
   * Keywords from `firstFunction` on are names of functions, which may be called by a quoted name
   * as well.
   */
  constructor(keywords: Keywords, firstFunction: number) {
    this.#keywords = keywords;
    this.#firstFunction = firstFunction;
  }

  start(sql: string, options: LexerOptions): void {
    this.#sql = sql;
    this.#at = 0;
    this.#backslashEscapes = options.backslashEscapes;
    this.sawEscapedQuote = false;
  }

  get tokenEnd(): number {
    return this.#at;
  }

  next(): number {
    const sql = this.#sql;
    for (;;) {
      if (this.#at >= sql.length) return Token.End;
      this.tokenStart = this.#at;
      const c = sql.charCodeAt(this.#at);
      if (isWordStart(c)) return this.#word();
      if (c >= FIRST_NON_ASCII) return this.#single(Token.Uncertain);
      if (c <= C.space) {
        this.#at++;
        continue;
      }
      switch (c) {
        case C.quote:
          return this.#quoted(c);
        case C.doubleQuote:
          return this.#quotedName(this.#quoted(c));
        case C.backtick:
          return this.#identifier();
        case C.hash:
          this.#skipLine();
          continue;
        case C.minus:
          if (!this.#atDashComment()) {
            return this.#single(this.#atUncertainDashes() ? Token.Uncertain : Token.Other);
          }
          this.#skipLine();
          continue;
        case C.slash: {
          if (sql.charCodeAt(this.#at + 1) !== C.star) return this.#single(Token.Other);
          const comment = this.#comment();
          if (comment !== Token.End) return comment;
          continue;
        }
        case C.open:
          return this.#single(Token.Open);
        case C.close:
          return this.#single(Token.Close);
        case C.semicolon:
          return this.#single(Token.Semicolon);
        case C.dot:
          return this.#single(Token.Dot);
        case C.colon:
          if (sql.charCodeAt(this.#at + 1) !== C.equals) return this.#single(Token.Other);
          this.#at += 2;
          return Token.Assign;
        case C.at:
          return this.#variable();
        default:
          return isDigit(c) ? this.#number() : this.#single(Token.Other);
      }
    }
  }

  #single(token: number): number {
    this.#at++;
    return token;
  }

  #word(): number {
    const sql = this.#sql;
    const { length } = sql;
    const start = this.#at;
    let at = start;
    let hash = 0;
    // The bound is asked first: past the end charCodeAt returns NaN, which would turn the loop's
    // integers into doubles.
    while (at < length) {
      const c = sql.charCodeAt(at);
      if (c < FIRST_NON_ASCII ? (CLASSES[c]! & WORD_PART) === 0 : c <= LAST_UNCERTAIN) break;
      hash = (Math.imul(hash, 31) + (c | LOWER_CASE)) | 0;
      at++;
    }
    this.#at = at;
    return this.#keywords.find(sql, start, at, hash);
  }

  /**
   * Digits with a fraction and an exponent. What follows at once is another token, a keyword
   * perhaps: `1.5FOR UPDATE`, `1e5INTO @a`. A name that begins with digits is cut in two by this,
   * which at worst finds a keyword too many.
   */
  #number(): number {
    const sql = this.#sql;
    this.#skipDigits();
    if (sql.charCodeAt(this.#at) === C.dot) {
      this.#at++;
      this.#skipDigits();
    }
    if ((sql.charCodeAt(this.#at) | LOWER_CASE) === C.lowerE) {
      const sign = sql.charCodeAt(this.#at + 1);
      const digits = this.#at + (sign === C.plus || sign === C.minus ? 2 : 1);
      if (digits < sql.length && isDigit(sql.charCodeAt(digits))) {
        this.#at = digits;
        this.#skipDigits();
      }
    }
    return Token.Number;
  }

  #skipDigits(): void {
    const sql = this.#sql;
    while (this.#at < sql.length && isDigit(sql.charCodeAt(this.#at))) this.#at++;
  }

  #skipWordParts(): void {
    const sql = this.#sql;
    while (this.#at < sql.length && isWordPart(sql.charCodeAt(this.#at))) this.#at++;
  }

  #quoted(quote: number): number {
    const sql = this.#sql;
    for (let at = this.#at + 1; at < sql.length; at++) {
      const c = sql.charCodeAt(at);
      if (c === C.backslash) {
        const escaped = sql.charCodeAt(at + 1);
        // What follows ends the string, or does not, by a mode of the session: `'\'` and `'\\'`
        // read both ways.
        if (escaped === quote || escaped === C.backslash) this.sawEscapedQuote = true;
        if (this.#backslashEscapes) at++;
      } else if (c === quote) {
        if (sql.charCodeAt(at + 1) !== quote) {
          this.#at = at + 1;
          return Token.Text;
        }
        at++;
      }
    }
    this.#at = sql.length;
    return Token.Unterminated;
  }

  #identifier(): number {
    const end = this.#sql.indexOf('`', this.#at + 1);
    this.#at = end === -1 ? this.#sql.length : end + 1;
    return this.#quotedName(end === -1 ? Token.Unterminated : Token.Word);
  }

  /** `` `get_lock`(…) `` calls the function, under ANSI_QUOTES also `"get_lock"(…)`. */
  #quotedName(token: number): number {
    if (token === Token.Unterminated || this.#at - this.tokenStart > LONGEST_QUOTED) return token;
    const start = this.tokenStart + 1;
    const end = this.#at - 1;
    const named = this.#keywords.find(this.#sql, start, end, hashOf(this.#sql, start, end));
    return named >= this.#firstFunction ? named : token;
  }

  /** `--` begins a comment only before white space, a control character or the end. */
  #atDashComment(): boolean {
    const sql = this.#sql;
    if (sql.charCodeAt(this.#at + 1) !== C.minus) return false;
    return this.#at + 2 >= sql.length || sql.charCodeAt(this.#at + 2) <= C.space;
  }

  /** MySQL takes DEL, and latin1's control characters and space, for the beginning of a comment. */
  #atUncertainDashes(): boolean {
    const sql = this.#sql;
    const after = sql.charCodeAt(this.#at + 2);
    return sql.charCodeAt(this.#at + 1) === C.minus && after >= DELETE && after <= LAST_UNCERTAIN;
  }

  #skipLine(): void {
    const end = this.#sql.indexOf('\n', this.#at);
    this.#at = end === -1 ? this.#sql.length : end + 1;
  }

  /** Skips a comment. Gives Token.End when it was an ordinary one. */
  #comment(): number {
    const sql = this.#sql;
    const after = sql.charCodeAt(this.#at + 2);
    const end = sql.indexOf('*/', this.#at + 2);
    const executable =
      after === C.bang || ((after === C.upperM || after === C.lowerM) && sql.charCodeAt(this.#at + 3) === C.bang);
    this.#at = end === -1 ? sql.length : end + 2;
    if (executable) return Token.ExecutableComment;
    return end === -1 ? Token.Unterminated : Token.End;
  }

  #variable(): number {
    const sql = this.#sql;
    let at = this.#at + 1;
    const system = sql.charCodeAt(at) === C.at;
    if (system) at++;
    this.#at = at;
    const c = sql.charCodeAt(at);
    // @'name', @"name", @`name`
    if (c === C.quote || c === C.doubleQuote) {
      if (this.#quoted(c) === Token.Unterminated) return Token.Unterminated;
    } else if (c === C.backtick) {
      if (this.#identifier() === Token.Unterminated) return Token.Unterminated;
    } else {
      this.#skipWordParts();
      while (sql.charCodeAt(this.#at) === C.dot) {
        this.#at++;
        this.#skipWordParts();
      }
    }
    return system ? Token.SystemVariable : Token.UserVariable;
  }
}

const FIRST_NON_ASCII = 128;

const DELETE = 127;

/**
 * The no-break space. It and the control characters before it are separators to a server that reads
 * latin1, and parts of a name to one that reads utf8mb4.
 */
const LAST_UNCERTAIN = 160;

/** Bits of what an ASCII character may be part of. */
const WORD_START = 1;
const WORD_PART = 2;
const DIGIT = 4;

const CLASSES: Uint8Array = Uint8Array.from({ length: FIRST_NON_ASCII }, (_, c) => {
  const character = String.fromCharCode(c);
  if (/[0-9]/.test(character)) return DIGIT | WORD_PART;
  return /[A-Za-z_$]/.test(character) ? WORD_START | WORD_PART : 0;
});

/** Every character beyond the uncertain ones may stand in a name. */
function isWordStart(c: number): boolean {
  return c < FIRST_NON_ASCII ? (CLASSES[c]! & WORD_START) !== 0 : c > LAST_UNCERTAIN;
}

function isWordPart(c: number): boolean {
  return c < FIRST_NON_ASCII ? (CLASSES[c]! & WORD_PART) !== 0 : c > LAST_UNCERTAIN;
}

function isDigit(c: number): boolean {
  return c < FIRST_NON_ASCII && (CLASSES[c]! & DIGIT) !== 0;
}
