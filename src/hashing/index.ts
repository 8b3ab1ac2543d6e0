/** `fairlead/hashing`: placement of keys without endpoints, for sharding of one's own. */
export type { HashTable } from './hash-table.js';
export { KeyRing, type KeyRingOptions, type KeyRingServer } from './key-ring.js';
export { fillMaglev } from './maglev.js';
export { murmur3 } from './murmur3.js';
export { RendezvousTable } from './rendezvous.js';
export type { Ring } from './ring.js';
