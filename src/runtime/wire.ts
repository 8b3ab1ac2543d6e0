/**
 * The protobuf wire format, as far as the messages need it that we read and write by hand: varints,
 * 64-bit and 32-bit fields, and length-delimited ones
 * (https://protobuf.dev/programming-guides/encoding/). Groups are refused.
 */

/** The wire types: how long a field is, whatever it means. */
export const WireType = { Varint: 0, Fixed64: 1, Bytes: 2, Fixed32: 5 } as const;
export type WireType = (typeof WireType)[keyof typeof WireType];

const MORE = 0x80;
const LOW_BITS = 0x7f;
/** A varint of 64 bits has 10 bytes. */
const MAX_VARINT_BYTES = 10;

/**
 * A message that is being written. Fields with their default value are left out by the caller, as
 * proto3 has it.
 */
export class WireWriter {
  readonly #bytes: number[] = [];

  /**
   * A whole number from 0 to 2^53 - 1, or a bigint; negative ones become 64 bits in two's
   * complement.
   */
  varint(field: number, value: number | bigint): this {
    this.#tag(field, WireType.Varint);
    this.#raw(value);
    return this;
  }

  bool(field: number, value: boolean): this {
    return this.varint(field, value ? 1 : 0);
  }

  /** A string is written as UTF-8. */
  bytes(field: number, value: string | Uint8Array): this {
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    this.#tag(field, WireType.Bytes);
    this.#raw(bytes.length);
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  /** An embedded message. */
  message(field: number, value: WireWriter): this {
    return this.bytes(field, value.finish());
  }

  finish(): Buffer {
    return Buffer.from(this.#bytes);
  }

  #tag(field: number, type: WireType): void {
    this.#raw(field * 8 + type);
  }

  #raw(value: number | bigint): void {
    if (typeof value === 'bigint' || value < 0) {
      this.#rawBig(BigInt.asUintN(64, BigInt(value)));
      return;
    }
    let rest = value;
    for (; rest > LOW_BITS; rest = Math.floor(rest / MORE)) this.#bytes.push((rest % MORE) | MORE);
    this.#bytes.push(rest);
  }

  #rawBig(value: bigint): void {
    let rest = value;
    for (; rest > 0x7fn; rest >>= 7n) this.#bytes.push(Number(rest & 0x7fn) | MORE);
    this.#bytes.push(Number(rest));
  }
}

/**
 * Reads a message field by field: `next()` moves to a field, then one of the getters takes its
 * value; a field whose value is not taken is skipped. Throws a RangeError for what is not a
 * message; never reads beyond the bytes.
 */
export class WireReader {
  /** Number and wire type of the current field. */
  field = 0;
  type: WireType = WireType.Varint;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  #taken = true;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Moves to the next field; false at the end. */
  next(): boolean {
    if (!this.#taken) this.#skip();
    if (this.#at === this.#bytes.length) return false;
    const tag = this.#readVarint();
    this.field = Math.floor(tag / 8);
    const type = tag % 8;
    if (
      this.field === 0 ||
      (type !== WireType.Varint && type !== WireType.Fixed64 && type !== WireType.Bytes && type !== WireType.Fixed32)
    )
      throw new RangeError(`not a protobuf message: tag ${tag} at byte ${this.#at}`);
    this.type = type;
    this.#taken = false;
    return true;
  }

  /**
   * The value of a varint field; of numbers beyond 2^53 only the magnitude is right: see `int64`.
   */
  varint(): number {
    this.#take(WireType.Varint);
    return this.#readVarint();
  }

  /** The value of an int64 field, signed. */
  int64(): bigint {
    this.#take(WireType.Varint);
    let value = 0n;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      const byte = this.#byte();
      value |= BigInt(byte & LOW_BITS) << BigInt(7 * i);
      if (byte < MORE) return BigInt.asIntN(64, value);
    }
    throw new RangeError('not a protobuf message: a varint of more than 10 bytes');
  }

  double(): number {
    this.#take(WireType.Fixed64);
    const value = this.#room(8);
    return this.#view.getFloat64(value, true);
  }

  /** A view of the bytes of a length-delimited field, not a copy. */
  bytes(): Uint8Array {
    this.#take(WireType.Bytes);
    const length = this.#readVarint();
    const at = this.#room(length);
    return this.#bytes.subarray(at, at + length);
  }

  string(): string {
    return Buffer.from(this.bytes()).toString('utf8');
  }

  #take(type: WireType): void {
    if (this.#taken || this.type !== type)
      throw new RangeError(`not the expected protobuf message: field ${this.field} has wire type ${this.type}`);
    this.#taken = true;
  }

  #skip(): void {
    this.#taken = true;
    if (this.type === WireType.Varint) this.#readVarint();
    else if (this.type === WireType.Fixed64) this.#room(8);
    else if (this.type === WireType.Fixed32) this.#room(4);
    else this.#room(this.#readVarint());
  }

  #readVarint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      const byte = this.#byte();
      value += (byte & LOW_BITS) * scale;
      if (byte < MORE) return value;
      scale *= MORE;
    }
    throw new RangeError('not a protobuf message: a varint of more than 10 bytes');
  }

  #byte(): number {
    return this.#bytes[this.#room(1)]!;
  }

  /** The place of the next `length` bytes, which must be there. */
  #room(length: number): number {
    const at = this.#at;
    if (length > this.#bytes.length - at)
      throw new RangeError(`not a protobuf message: it ends within field ${this.field}`);
    this.#at = at + length;
    return at;
  }
}
