import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { placeShards } from '../../../../adapters/redis/shards/placement.js';

const keys = Array.from({ length: 5_000 }, (_, i) => `user:${i}:profile`);
const named = (names: readonly string[], weights: readonly number[] = []) =>
  names.map((name, i) => ({ name, weight: weights[i] ?? 1 }));

describe('the ring in other languages', () => {
  it('ketama is MD5 and what docs/redis.md says, and nothing else', () => {
    const shards = named(['a', 'b', 'c'], [1, 1, 2]);
    // Forty labels for the median weight, four points of each digest.
    const points = shards
      .flatMap(({ name, weight }, owner) =>
        Array.from({ length: 40 * weight }, (_, i) => createHash('md5').update(`${name}-${i}`).digest()).flatMap(
          (digest) => [0, 4, 8, 12].map((at) => ({ point: digest.readUInt32LE(at), owner })),
        ),
      )
      .sort((x, y) => x.point - y.point);
    const ownerOf = (key: string): number => {
      const hash = createHash('md5').update(key).digest().readUInt32LE(0);
      return (points.find(({ point }) => point >= hash) ?? points[0]!).owner;
    };
    const placement = placeShards(shards, { placement: 'ketama', compatibility: 'none' });
    expect(keys.map((key) => placement.ownerOf(key))).toEqual(keys.map(ownerOf));
    // By the tag where there is one.
    expect(placement.ownerOf('{user:7}:cart')).toBe(ownerOf('user:7'));
  });

  it('places the keys of a fixture of pylibmc, a client that is neither ours nor in JavaScript, where pylibmc does', () => {
    const path = createRequire(import.meta.url).resolve('hashring/tests/fixtures/pylibmc.txt');
    const names = ['0.0.0.1', '0.0.0.2', '0.0.0.3', '0.0.0.4:11213', '0.0.0.5:11212'];
    const placement = placeShards(named(names), { placement: 'ketama', compatibility: 'libmemcached' });
    const lines = readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .slice(0, 20_000);
    const wrong = lines.filter((line) => {
      const [key, server] = line.split(' ') as [string, string];
      return names[placement.ownerOf(key)] !== server.replace(':11211', '');
    });
    expect(wrong).toEqual([]);
  });

  it.each(['ketama', 'rendezvous', 'maglev'] as const)(
    '%s does not depend on who else looked, and survives hostile keys',
    (placement) => {
      const make = () => placeShards(named(['a', 'b', 'c', 'd']), { placement, compatibility: 'none' });
      const [one, two] = [make(), make()];
      for (const key of [
        ...keys.slice(0, 200),
        '__proto__',
        'constructor',
        'toString',
        'hasOwnProperty',
        '',
        '{}',
        '{',
      ]) {
        expect(two.ownerOf(key)).toBe(one.ownerOf(key));
      }
      expect(Object.keys(Object.prototype)).toEqual([]);
    },
  );
});

describe.each(['ketama', 'rendezvous'] as const)('a shard that comes or goes, by %s', (placement) => {
  it.each([7, 14, 25, 28])('moves no key between the others, %i of them', (count) => {
    const names = Array.from({ length: count + 1 }, (_, i) => `shard-${String(i).padStart(3, '0')}`);
    const options = { placement, compatibility: 'none' } as const;
    const all = placeShards(named(names), options);
    const fewer = placeShards(named(names.slice(0, count)), options);
    const moved = keys.filter((key) => all.ownerOf(key) !== fewer.ownerOf(key));
    expect(moved.every((key) => all.ownerOf(key) === count)).toBe(true);
    expect(moved.length).toBeGreaterThan(0);
  });
});
