import { describe, expect, it } from 'vitest';
import { leftToWait } from '../../../../adapters/redis/commands/blocking-time.js';
import { Command } from '../../../../adapters/redis/driver/driver.js';

describe('the time limit of a command that waits', () => {
  const cases: readonly (readonly [
    name: string,
    args: readonly (string | number)[],
    passedMs: number,
    then: string,
  ])[] = [
    ['blpop', ['a', 'b', 0], 5_000, 'a b 0'],
    ['blpop', ['a', 'b', 10], 2_300, 'a b 8'],
    ['BRPOP', ['a', 10], 9_999, 'a 1'],
    ['brpoplpush', ['a', 'b', 1], 5_000, 'a b 1'],
    ['blmove', ['a', 'b', 'LEFT', 'RIGHT', 2.5], 1_000, 'a b LEFT RIGHT 1.500'],
    ['bzpopmin', ['a', 0.5], 700, 'a 0.001'],
    ['blmpop', [3, 2, 'a', 'b', 'LEFT'], 1_000, '2 2 a b LEFT'],
    ['bzmpop', [0, 1, 'a', 'MIN'], 1_000, '0 1 a MIN'],
    ['xread', ['COUNT', 2, 'BLOCK', 500, 'STREAMS', 'block', '9'], 100, 'COUNT 2 BLOCK 400 STREAMS block 9'],
    [
      'xreadgroup',
      ['GROUP', 'block', '7', 'BLOCK', 500, 'STREAMS', 'a', '>'],
      100,
      'GROUP block 7 BLOCK 400 STREAMS a >',
    ],
    ['xreadgroup', ['GROUP', 'g', 'c', 'block', 500, 'STREAMS', 'a', '>'], 900, 'GROUP g c block 1 STREAMS a >'],
  ];
  for (const [name, args, passedMs, then] of cases) {
    it(`of ${name} ${args.join(' ')} after ${passedMs} ms is that of ${then}`, () => {
      const command = new Command(name, args as never);
      leftToWait(command, passedMs);
      expect(command.args.join(' ')).toBe(then);
    });
  }
});
