/** RFC 6455, 7.4.1: the endpoint is going away. */
const GOING_AWAY = 1_001;
const CLOSE = 0x88;
const MASKED = 0x80;
const LENGTH_BITS = 0x7f;
const TWO_BYTES = 126;
const EIGHT_BYTES = 127;

/**
 * Where frames end in what one side of a WebSocket sends (RFC 6455, 5.2). It reads lengths alone:
 * what is in the frames is between client and server.
 */
export class FrameBoundary {
  /** Bytes of the frame that are still to come, once its length is known. */
  #left = 0;
  /** Bytes of the head that are still to come; 0 between frames and within a payload. */
  #head = 0;
  /** The length's own bytes among them. */
  #lengthBytes = 0;
  #length = 0;
  #mask = 0;

  /** Whether the next byte begins a frame. */
  get between(): boolean {
    return this.#left === 0 && this.#head === 0;
  }

  /** Returns how many of these bytes complete the frame that is under way; -1 for not all of it. */
  end(bytes: Uint8Array): number {
    let at = 0;
    while (!this.between) {
      if (at >= bytes.length) return -1;
      at = this.#step(bytes, at);
    }
    return at;
  }

  /** Goes on over all of these bytes. */
  pass(bytes: Uint8Array, from = 0): void {
    for (let at = from; at < bytes.length; ) at = this.#step(bytes, at);
  }

  #step(bytes: Uint8Array, at: number): number {
    if (this.#left > 0 && this.#head === 0) {
      const taken = Math.min(this.#left, bytes.length - at);
      this.#left -= taken;
      return at + taken;
    }
    const byte = bytes[at]!;
    // Two bytes that every frame has; the second says how many there are more.
    if (this.#head === 0) {
      this.#head = -1;
    } else if (this.#head === -1) {
      const length = byte & LENGTH_BITS;
      this.#lengthBytes = length === TWO_BYTES ? 2 : length === EIGHT_BYTES ? 8 : 0;
      this.#length = this.#lengthBytes === 0 ? length : 0;
      this.#mask = (byte & MASKED) === 0 ? 0 : 4;
      this.#head = this.#lengthBytes + this.#mask;
    } else {
      if (this.#lengthBytes > 0) {
        this.#lengthBytes--;
        this.#length = this.#length * 256 + byte;
      }
      this.#head--;
    }
    if (this.#head === 0) this.#left = this.#length;
    return at + 1;
  }
}

/** A close frame with status 1001; a client's is masked (RFC 6455, 5.3), with four bytes. */
export function closeFrame(mask?: Uint8Array): Buffer {
  const status = [GOING_AWAY >> 8, GOING_AWAY & 0xff] as const;
  if (mask === undefined) return Buffer.from([CLOSE, status.length, ...status]);
  return Buffer.from([CLOSE, MASKED | status.length, ...mask, ...status.map((byte, i) => byte ^ mask[i]!)]);
}
