import { KeyRing, type KeyRingServer } from 'fairlead/hashing';
/**
 * Key lookups and rebuilds: this project's rings beside the `hashring` package. CPU nanoseconds per
 * lookup on distinct keys, milliseconds per rebuild when one of the servers leaves or joins, best
 * of some rounds. `npm run bench:hash`
 */
import HashRing from 'hashring';
import { fillMaglev } from '../src/hashing/maglev.js';
import { murmur3 } from '../src/hashing/murmur3.js';
import { RendezvousTable } from '../src/hashing/rendezvous.js';

const SIZES = [10, 100, 1_000];
/** More than the package's cache of 5,000 keys: every lookup is one of a new key. */
const KEYS = Array.from({ length: 100_000 }, (_, i) => `user:session:${1_000_000 + i}`);

/** The best of some rounds in CPU time: what others do on the machine disturbs it least. */
function cpuMs(rounds: number, work: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage();
    work();
    const used = process.cpuUsage(before);
    best = Math.min(best, (used.user + used.system) / 1_000);
  }
  return best;
}

let sink = 0;

function nsPerLookup(lookup: (key: string) => number): number {
  const work = (): void => {
    for (const key of KEYS) sink += lookup(key);
  };
  return (cpuMs(7, work) * 1e6) / KEYS.length;
}

function servers(count: number): KeyRingServer[] {
  return Array.from({ length: count }, (_, i) => ({ id: `10.0.${i >> 8}.${i & 255}:6379`, weight: 1 }));
}

function report(name: string, cells: readonly string[]): void {
  console.log(name.padEnd(34) + cells.map((cell) => cell.padStart(14)).join(''));
}

function keyRing(hash: 'ketama' | 'murmur3', size: number): KeyRing {
  const ring = new KeyRing({ hash });
  ring.update(servers(size));
  return ring;
}

report(
  'lookup',
  SIZES.map((size) => `${size} servers`),
);
const theirs = SIZES.map((size) => {
  const ring = new HashRing(servers(size).map(({ id }) => id));
  return nsPerLookup((key) => ring.get(key).length);
});
report(
  'hashring.get',
  theirs.map((ns) => `${ns.toFixed(0)} ns`),
);
const ours = SIZES.map((size) => {
  const ring = keyRing('ketama', size);
  return nsPerLookup((key) => ring.lookup(key));
});
report(
  'KeyRing, ketama (same placement)',
  ours.map((ns) => `${ns.toFixed(0)} ns`),
);
report(
  '  times faster than hashring.get',
  ours.map((ns, i) => `${(theirs[i]! / ns).toFixed(1)} x`),
);
report(
  'KeyRing, murmur3',
  SIZES.map((size) => {
    const ring = keyRing('murmur3', size);
    return `${nsPerLookup((key) => ring.lookup(key)).toFixed(0)} ns`;
  }),
);
report(
  'maglev, 65,537 entries',
  SIZES.map((size) => {
    const table = fillMaglev(
      servers(size).map(({ id }) => id),
      new Array<number>(size).fill(1),
      65_537,
    );
    return `${nsPerLookup((key) => table[(murmur3(key, 0) >>> 0) % table.length]!).toFixed(0)} ns`;
  }),
);
report(
  'rendezvous',
  SIZES.map((size) => {
    const table = new RendezvousTable(
      servers(size).map(({ id }) => id),
      new Array<number>(size).fill(1),
    );
    return `${nsPerLookup((key) => table.seek(murmur3(key, 0))).toFixed(0)} ns`;
  }),
);

console.log();
report(
  'one server leaves and joins',
  SIZES.map((size) => `${size} servers`),
);
report(
  'hashring remove and add, each',
  SIZES.map((size) => {
    const ring = new HashRing(servers(size).map(({ id }) => id));
    const id = servers(size)[size >> 1]!.id;
    return `${(cpuMs(3, () => void ring.remove(id).add(id)) / 2).toFixed(2)} ms`;
  }),
);
for (const hash of ['ketama', 'murmur3'] as const) {
  report(
    `KeyRing.update, ${hash}, each`,
    SIZES.map((size) => {
      const all = servers(size);
      const less = all.toSpliced(size >> 1, 1);
      const ring = keyRing(hash, size);
      const both = (): void => {
        ring.update(less);
        ring.update(all);
      };
      return `${(cpuMs(9, both) / 2).toFixed(2)} ms`;
    }),
  );
}
report(
  'maglev, 65,537 entries',
  SIZES.map((size) => {
    const ids = servers(size).map(({ id }) => id);
    return `${cpuMs(5, () => void fillMaglev(ids, new Array<number>(size).fill(1), 65_537)).toFixed(2)} ms`;
  }),
);
if (sink === -1) console.log(sink);
