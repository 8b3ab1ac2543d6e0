import type { Dice } from '../dice.js';
import type { Script, Step } from '../script.js';
import { blockingCommand, type Command, command, redisOptions } from './commands.js';

/** Random lives of a client: commands alone and in company, subscriptions, ends and beginnings. */
export function redisScript(dice: Dice, length: number): Script {
  return { options: redisOptions(dice), steps: dice.times(length, () => draw(dice)) };
}

const several = (dice: Dice, most = 6): Command[] => dice.times(1 + dice.below(most), () => command(dice));

function draw(dice: Dice): Step {
  return dice.weighted<() => Step>([
    [14, () => ({ op: 'command', command: command(dice), callback: dice.chance(0.3) })],
    [4, () => ({ op: 'at once', list: several(dice) })],
    [
      5,
      () => ({ op: 'pipeline', list: several(dice), how: dice.pick(['chain', 'list', 'callback', 'each callback']) }),
    ],
    [
      5,
      () => ({
        op: 'multi',
        list: several(dice),
        how: dice.pick(['chain', 'list', 'in a pipeline', 'by hand', 'discard']),
      }),
    ],
    [2, () => ({ op: 'command', command: blockingCommand(dice), callback: false })],
    [1, () => ({ op: 'watch', list: several(dice, 2), changed: dice.chance(0.5) })],
    [
      3,
      () => ({
        op: 'subscriber',
        what: dice.pick(['subscribe', 'psubscribe', 'ssubscribe', 'unsubscribe', 'punsubscribe']),
        channels: dice.pick([['c1'], ['c1', 'c2'], ['c*']]),
      }),
    ],
    [3, () => ({ op: 'publish', channel: dice.pick(['c1', 'c2', 'c3']), message: dice.text() })],
    [
      1,
      () => ({
        op: 'scan stream',
        what: dice.pick(['scanStream', 'hscanStream', 'sscanStream', 'zscanStream', 'scanBufferStream']),
        key: `k${dice.below(6)}`,
      }),
    ],
    [1, () => ({ op: 'status' })],
    [1, () => ({ op: 'select', db: dice.pick([0, 1, 99]) })],
    [1, () => ({ op: 'life', what: dice.pick(['reconnect', 'duplicate', 'quit and connect', 'connect', 'kill']) })],
  ])();
}
