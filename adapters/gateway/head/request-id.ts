import type { Random } from '../../../src/index.js';
import type { Peer } from './client.js';

const BYTES = 16;
/** What another proxy may have given; what is longer or stranger is not passed on. */
const PLAIN = /^[\w.:/+=@-]{1,128}$/;

/** The id of a request: a trusted peer's own, or 128 random bits. */
export function requestIdOf(given: string | undefined, peer: Peer, random: Random): string {
  if (peer.trusted && given !== undefined && PLAIN.test(given)) return given;
  let id = '';
  for (let i = 0; i < BYTES / 2; i++) id += random.below(0x10000).toString(16).padStart(4, '0');
  return id;
}
