import { fillMaglev, KeyRing, type KeyRingServer, murmur3, RendezvousTable } from 'fairlead/hashing';
import HashRing from 'hashring';
import type { Case, Contender, Suite } from '../runner/suite.js';

const SIZES = [10, 100, 1_000];
/** More than the package's cache of 5,000 keys: every lookup is one of a new key. */
const KEYS = Array.from({ length: 100_000 }, (_, i) => `user:session:${1_000_000 + i}`);
const MAGLEV_ENTRIES = 65_537;

const servers = (count: number): KeyRingServer[] =>
  Array.from({ length: count }, (_, i) => ({ id: `10.0.${i >> 8}.${i & 255}:6379`, weight: 1 }));
const idsOf = (count: number): string[] => servers(count).map(({ id }) => id);
const ones = (count: number): number[] => new Array<number>(count).fill(1);

const looking = (lookup: (key: string) => number): Contender => ({
  run: (operations) => {
    let sum = 0;
    for (let i = 0; i < operations; i++) sum += lookup(KEYS[i % KEYS.length]!);
    return { sum: Math.sign(sum) };
  },
});
const again = (work: () => void): Contender => ({
  run: (operations) => {
    for (let i = 0; i < operations; i++) work();
    return undefined;
  },
});

function keyRing(hash: 'ketama' | 'murmur3', size: number): KeyRing {
  const ring = new KeyRing({ hash });
  ring.update(servers(size));
  return ring;
}

const lookups = (size: number): Case<undefined> => ({
  title: `lookup, ${size} servers`,
  operations: KEYS.length,
  baseline: 'hashring.get',
  contenders: {
    'hashring.get': () => {
      const ring = new HashRing(idsOf(size));
      return looking((key) => ring.get(key).length);
    },
    'KeyRing, ketama (same placement)': () => {
      const ring = keyRing('ketama', size);
      return looking((key) => ring.lookup(key));
    },
    'KeyRing, murmur3': () => {
      const ring = keyRing('murmur3', size);
      return looking((key) => ring.lookup(key));
    },
    'maglev, 65,537 entries': () => {
      const table = fillMaglev(idsOf(size), ones(size), MAGLEV_ENTRIES);
      return looking((key) => table[(murmur3(key, 0) >>> 0) % table.length]!);
    },
    rendezvous: () => {
      const table = new RendezvousTable(idsOf(size), ones(size));
      return looking((key) => table.seek(murmur3(key, 0)));
    },
  },
});

/** One operation is two changes: a server leaves, and joins again. */
const changes = (size: number): Case<undefined> => ({
  title: `one server leaves and joins, ${size} servers`,
  operations: 3,
  baseline: 'hashring remove and add',
  contenders: {
    'hashring remove and add': () => {
      const ring = new HashRing(idsOf(size));
      const id = idsOf(size)[size >> 1]!;
      return again(() => void ring.remove(id).add(id));
    },
    ...Object.fromEntries(
      (['ketama', 'murmur3'] as const).map((hash) => [
        `KeyRing.update, ${hash}`,
        () => {
          const all = servers(size);
          const less = all.toSpliced(size >> 1, 1);
          const ring = keyRing(hash, size);
          return again(() => {
            ring.update(less);
            ring.update(all);
          });
        },
      ]),
    ),
    'maglev, 65,537 entries, filled twice': () => {
      const ids = idsOf(size);
      return again(() => {
        fillMaglev(ids, ones(size), MAGLEV_ENTRIES);
        fillMaglev(ids, ones(size), MAGLEV_ENTRIES);
      });
    },
  },
});

export const suite: Suite = {
  about: 'key lookups and rebuilds beside the hashring package',
  rounds: 9,
  cases: [...SIZES.map(lookups), ...SIZES.map(changes)],
};
