/** Reads from the front of some bytes; `failed` where they were too few, and then only zeros. */
export class Bytes {
  readonly #bytes: Buffer;
  #at = 0;
  failed = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.failed || this.#at === this.#bytes.length;
  }

  uint8(): number {
    return this.#uint(1);
  }

  uint16(): number {
    return this.#uint(2);
  }

  take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) {
      this.failed = true;
      return Buffer.alloc(0);
    }
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  #uint(length: 1 | 2): number {
    const taken = this.take(length);
    return taken.length === 0 ? 0 : taken.readUIntBE(0, length);
  }
}
