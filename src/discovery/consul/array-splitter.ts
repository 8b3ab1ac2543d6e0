import type { BodyReader } from './transport.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

const Place = { Before: 0, Between: 1, Within: 2, After: 3 } as const;

/**
 * Cuts a JSON array of objects into its elements while the bytes arrive, so that 12 MB of it are
 * never parsed in one go: each element is handed on as bytes as soon as it is whole. It only counts
 * braces outside of strings; whether an element is right inside is for JSON.parse to say. Every
 * structural byte of JSON is ASCII, which no part of a longer UTF-8 sequence can be, so bytes need
 * no decoding. Cost: about a nanosecond a byte.
 */
export class ArraySplitter implements BodyReader {
  readonly #element: (bytes: Buffer) => void;
  readonly #maxBytes: number;
  #place: number = Place.Before;
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** The beginning of an element whose end is in a later chunk. */
  #carry: Buffer[] = [];
  #bytes = 0;
  /** An element just ended. */
  #needComma = false;
  #any = false;

  constructor(element: (bytes: Buffer) => void, maxBytes: number) {
    this.#element = element;
    this.#maxBytes = maxBytes;
  }

  write(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#maxBytes) throw new Error(`the answer is longer than ${this.#maxBytes} bytes`);
    let at = 0;
    let start = 0;
    while (at < chunk.length) {
      if (this.#place === Place.Within) {
        const end = this.#scan(chunk, at);
        if (end < 0) break;
        this.#emit(chunk.subarray(start, end));
        at = end;
        continue;
      }
      // The opening brace is left for the scan to count.
      if (this.#outside(chunk[at]!)) start = at;
      else at++;
    }
    if (this.#place === Place.Within) this.#carry.push(chunk.subarray(start));
  }

  /** The body is complete: throws when the array is not. */
  end(): void {
    if (this.#place === Place.Before) throw new Error('the answer is empty or no list');
    if (this.#place !== Place.After) throw new Error('the list is cut off');
  }

  /** A byte between elements. True when an element begins with it. */
  #outside(byte: number): boolean {
    if (isSpace(byte)) return false;
    if (this.#place === Place.Before && byte === OPEN_BRACKET) {
      this.#place = Place.Between;
      return false;
    }
    if (this.#place === Place.Between) {
      if (byte === OPEN_BRACE && !this.#needComma) {
        this.#place = Place.Within;
        this.#needComma = true;
        this.#any = true;
        return true;
      }
      if (byte === COMMA && this.#needComma) {
        this.#needComma = false;
        return false;
      }
      if (byte === CLOSE_BRACKET && (this.#needComma || !this.#any)) {
        this.#place = Place.After;
        return false;
      }
    }
    throw new Error('the answer is not a list of instances');
  }

  /** Where the element ends, or -1 when it goes on after this chunk. */
  #scan(chunk: Buffer, from: number): number {
    let depth = this.#depth;
    let inString = this.#inString;
    let at = from;
    if (this.#escaped) {
      this.#escaped = false;
      at++;
    }
    for (; at < chunk.length; at++) {
      let byte = chunk[at]!;
      if (inString) {
        // Most bytes are those of strings: a loop with nothing else in it.
        while (byte !== QUOTE && byte !== BACKSLASH && ++at < chunk.length) byte = chunk[at]!;
        if (at === chunk.length) break;
        if (byte === QUOTE) inString = false;
        else if (++at === chunk.length) this.#escaped = true;
      } else if (byte === QUOTE) inString = true;
      else if (byte === OPEN_BRACE) depth++;
      else if (byte === CLOSE_BRACE && --depth === 0) {
        this.#depth = 0;
        this.#inString = false;
        return at + 1;
      }
    }
    this.#depth = depth;
    this.#inString = inString;
    return -1;
  }

  #emit(tail: Buffer): void {
    const bytes = this.#carry.length === 0 ? tail : Buffer.concat([...this.#carry, tail]);
    this.#carry = [];
    this.#place = Place.Between;
    this.#element(bytes);
  }
}
