/** No place: the end of a list. */
const NONE = 0xffff_ffff;

/**
 * At most `capacity` entries in the order of use, each with the time at which it began. As
 * `lru-cache` has it, for the few things that sessions need: its 19 kB, and the modules of Node
 * that it loads, were an eighth of what `import 'fairlead'` costs. Places in arrays rather than
 * objects: 32 bytes of an entry are taken at once for the whole capacity, and no entry weighs on
 * the garbage collector.
 */
export class AgedTable<Value extends {}> {
  readonly #places = new Map<string, number>();
  readonly #keys: (string | undefined)[];
  readonly #values: (Value | undefined)[];
  readonly #beganAtMs: Float64Array;
  readonly #older: Uint32Array;
  /** Of a place that is free: the next that is. */
  readonly #newer: Uint32Array;
  #newest = NONE;
  #oldest = NONE;
  /** Places that were used, and are free again. */
  #free = NONE;
  /** From here on no place was ever used. */
  #unused = 0;

  constructor(capacity: number) {
    this.#keys = new Array(capacity);
    this.#values = new Array(capacity);
    this.#beganAtMs = new Float64Array(capacity);
    this.#older = new Uint32Array(capacity);
    this.#newer = new Uint32Array(capacity);
  }

  get size(): number {
    return this.#places.size;
  }

  /** The key that was used longest ago. */
  get oldest(): string | undefined {
    return this.#keys[this.#oldest];
  }

  /** Does not count as use. */
  peek(key: string): Value | undefined {
    const at = this.#places.get(key);
    return at === undefined ? undefined : this.#values[at];
  }

  /** When it began, last; NaN of what is not there. */
  beganAtMs(key: string): number {
    const at = this.#places.get(key);
    return at === undefined ? Number.NaN : this.#beganAtMs[at]!;
  }

  /** Counts as use, and begins anew where `nowMs` is given. */
  use(key: string, nowMs?: number): void {
    const at = this.#places.get(key);
    if (at === undefined) return;
    if (nowMs !== undefined) this.#beganAtMs[at] = nowMs;
    if (at === this.#newest) return;
    this.#unlink(at);
    this.#link(at);
  }

  /** Begins, or begins anew. The caller sees to it that there is room. */
  set(key: string, value: Value, nowMs: number): void {
    let at = this.#places.get(key);
    if (at === undefined) {
      at = this.#takePlace();
      this.#places.set(key, at);
      this.#keys[at] = key;
      this.#link(at);
    }
    this.#values[at] = value;
    this.use(key, nowMs);
  }

  delete(key: string): boolean {
    const at = this.#places.get(key);
    if (at === undefined) return false;
    this.#places.delete(key);
    this.#unlink(at);
    this.#keys[at] = undefined;
    this.#values[at] = undefined;
    this.#newer[at] = this.#free;
    this.#free = at;
    return true;
  }

  clear(): void {
    this.#places.clear();
    this.#keys.fill(undefined);
    this.#values.fill(undefined);
    this.#newest = NONE;
    this.#oldest = NONE;
    this.#free = NONE;
    this.#unused = 0;
  }

  /** From the newest to the oldest. One that is deleted meanwhile ends nothing. */
  *entries(): IterableIterator<[string, Value]> {
    for (let at = this.#newest; at !== NONE; at = this.#older[at]!) {
      const key = this.#keys[at];
      if (key !== undefined) yield [key, this.#values[at]!];
    }
  }

  #takePlace(): number {
    const at = this.#free;
    if (at === NONE) return this.#unused++;
    this.#free = this.#newer[at]!;
    return at;
  }

  /** As the newest. */
  #link(at: number): void {
    this.#older[at] = this.#newest;
    this.#newer[at] = NONE;
    if (this.#newest === NONE) this.#oldest = at;
    else this.#newer[this.#newest] = at;
    this.#newest = at;
  }

  #unlink(at: number): void {
    const [older, newer] = [this.#older[at]!, this.#newer[at]!];
    if (older === NONE) this.#oldest = newer;
    else this.#newer[older] = newer;
    if (newer === NONE) this.#newest = older;
    else this.#older[newer] = older;
  }
}
