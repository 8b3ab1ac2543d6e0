import { seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import type { Schedule } from '../../integration/campaign/part.js';
import { drawFaults, swarm } from '../../integration/campaign/schedule.js';
import { shrink } from '../../integration/campaign/shrink.js';

const KINDS = [
  { kind: 'kill', targets: 3, lastsMs: [10, 3_000], group: 'process' },
  { kind: 'pause', targets: 3, lastsMs: [10, 3_000], group: 'process' },
  { kind: 'cut', targets: 3, lastsMs: [10, 3_000] },
] as const;

describe('a schedule', () => {
  it('is the same for the same seed, and another for another', () => {
    const draw = (seed: number) => drawFaults(KINDS, 60_000, seededRandom(seed));
    expect(draw(7)).toEqual(draw(7));
    expect(draw(8)).not.toEqual(draw(7));
  });

  it('has faults that overlap, but none of one group at one target, and ends before the round', () => {
    let overlaps = 0;
    for (let seed = 1; seed <= 50; seed++) {
      const faults = drawFaults(KINDS, 30_000, seededRandom(seed));
      expect(faults.length).toBeGreaterThan(3);
      for (const [i, a] of faults.entries()) {
        expect(a.atMs + a.lastsMs).toBeLessThan(30_000);
        for (const b of faults.slice(i + 1)) {
          if (a.atMs + a.lastsMs < b.atMs) continue;
          overlaps++;
          expect(a.target === b.target && a.kind !== 'cut' && b.kind !== 'cut').toBe(false);
        }
      }
    }
    expect(overlaps).toBeGreaterThan(100);
  });
});

describe('an echo', () => {
  it('comes so long after another fault begins or ends, and not otherwise', () => {
    const change = {
      kind: 'join',
      targets: 1,
      lastsMs: [2_000, 3_000],
      restsMs: [4_000, 5_000],
      group: 'topology',
    } as const;
    const follower = { kind: 'cut', targets: 1, lastsMs: [10, 20], weight: 0 } as const;
    const echoes = [{ of: /^join/, by: /^cut/, afterMs: [1_000, 1_200], chance: 1 }] as const;
    let cuts = 0;
    for (let seed = 1; seed <= 30; seed++) {
      const faults = drawFaults([change, follower], 30_000, seededRandom(seed), echoes);
      const joins = faults.filter(({ kind }) => kind === 'join');
      for (const [i, join] of joins.entries())
        if (i > 0) expect(join.atMs - joins[i - 1]!.atMs - joins[i - 1]!.lastsMs).toBeGreaterThanOrEqual(4_000);
      const moments = joins.flatMap(({ atMs, lastsMs }) => [atMs, atMs + lastsMs]);
      for (const { kind, atMs } of faults) {
        if (kind !== 'cut') continue;
        cuts++;
        expect(moments.some((moment) => atMs >= moment + 1_000 && atMs <= moment + 1_200)).toBe(true);
      }
    }
    expect(cuts).toBeGreaterThan(60);
  });
});

describe('a swarm', () => {
  it('has all kinds in a third of the rounds, some in the others, and always what has to be there', () => {
    const kinds = Array.from({ length: 20 }, (_, i) => ({ kind: `f${i}`, targets: 1, lastsMs: [1, 2] as const }));
    let whole = 0;
    const alone = new Set<string>();
    for (let seed = 0; seed < 300; seed++) {
      const some = swarm(kinds, seededRandom(seed), /^f7$/);
      expect(some.length).toBeGreaterThan(1);
      expect(some.map(({ kind }) => kind)).toContain('f7');
      if (some.length === kinds.length) whole++;
      else if (some.length < 5) for (const { kind } of some) alone.add(kind);
    }
    expect(whole).toBeGreaterThan(70);
    expect(whole).toBeLessThan(130);
    expect(alone.size).toBe(kinds.length);
  });
});

describe('a failing schedule', () => {
  const faults = Array.from({ length: 20 }, (_, i) => ({ kind: `f${i}`, target: 0, atMs: i * 100, lastsMs: 50 }));
  const whole: Schedule = {
    part: 'p',
    seed: 1,
    lastsMs: 20_000,
    options: {},
    clients: 3,
    workers: 16,
    keys: 24,
    faults,
  };

  it('shrinks to the two faults, the clients and the keys that it takes', async () => {
    const fails = async ({ faults: kept, clients }: Schedule): Promise<boolean> =>
      clients >= 1 && kept.some(({ kind }) => kind === 'f3') && kept.some(({ kind }) => kind === 'f11');
    const smallest = await shrink(whole, fails, 200);
    expect(smallest.faults.map(({ kind }) => kind)).toEqual(['f3', 'f11']);
    expect(smallest).toMatchObject({ clients: 1, workers: 1, keys: 1 });
  });

  it('stays as it is where nothing smaller fails, and is tried as often as allowed at most', async () => {
    let runs = 0;
    const smallest = await shrink(
      whole,
      async () => {
        runs++;
        return false;
      },
      5,
    );
    expect([smallest, runs]).toEqual([whole, 5]);
  });
});
