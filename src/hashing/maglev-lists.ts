import { murmur3 } from './murmur3.js';
import { PlacesBefore } from './places-before.js';

/**
 * Arbitrary and different: two independent hashes of one id. They are part of the placement; never
 * change them.
 */
const OFFSET_SEED = 0x6d61676c;
const SKIP_SEED = 0x65763230;

/**
 * Where the preference list of each id begins, and by which step it goes on. Those of ids that were
 * in the last list are taken over: hashing two times for each is what a change of one among
 * thousands would cost most.
 */
export class MaglevLists {
  readonly #size: number;
  #ids: readonly { readonly id: string }[] = [];
  offsets: Uint32Array = new Uint32Array(0);
  skips: Uint32Array = new Uint32Array(0);

  constructor(size: number) {
    this.#size = size;
  }

  /** The arrays are new ones: what is being filled from the old ones goes on. */
  update(ids: readonly { readonly id: string }[]): void {
    const offsets = new Uint32Array(ids.length);
    const skips = new Uint32Array(ids.length);
    const places = new PlacesBefore(this.#ids, ids);
    for (let at = 0; at < ids.length; at++) {
      const place = places.of(at);
      if (place === -1) {
        const { id } = ids[at]!;
        offsets[at] = (murmur3(id, OFFSET_SEED) >>> 0) % this.#size;
        skips[at] = ((murmur3(id, SKIP_SEED) >>> 0) % (this.#size - 1)) + 1;
      } else {
        offsets[at] = this.offsets[place]!;
        skips[at] = this.skips[place]!;
      }
    }
    this.#ids = ids;
    this.offsets = offsets;
    this.skips = skips;
  }
}
