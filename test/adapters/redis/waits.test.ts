import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { type Command, ownCommand } from '../../../adapters/redis/driver.js';
import { Held } from '../../../adapters/redis/held.js';
import type { Target } from '../../../adapters/redis/shard.js';
import { Slots } from '../../../adapters/redis/slots.js';

function recorder(): { target: Target; sent: string[] } {
  const sent: string[] = [];
  const take = (command: Command): void => void sent.push(`${command.name} ${command.args.join(' ')}`);
  const target = { name: 's1', send: take, blocking: { send: take } } as unknown as Target;
  return { target, sent };
}

const command = (name: string, ...args: string[]): Command => {
  const made = ownCommand(name, args);
  made.promise.catch(() => {});
  return made;
};

describe('commands that are held', () => {
  it('go on in their order, without those that nobody waits for any more', async () => {
    const held = new Held(3, undefined, new ManualClock());
    const { target, sent } = recorder();
    const given = [command('get', 'a'), command('get', 'b'), command('get', 'c')];
    for (const each of given) held.add(each, target, false);
    expect(held.full).toBe(true);
    given[1]!.reject(new Error('Command timed out'));
    await Promise.resolve();
    await Promise.resolve();
    expect(held.full).toBe(false);
    held.release();
    expect(sent).toEqual(['get a', 'get c']);
    held.release();
    expect(sent).toHaveLength(2);
  });

  it('fail when their deadline passes, and are not sent then', async () => {
    const clock = new ManualClock();
    const held = new Held(3, 500, clock);
    const { target, sent } = recorder();
    const late = command('get', 'a');
    held.add(late, target, false);
    held.add(command('blpop', 'b', '0'), target, true);
    clock.advance(500);
    await expect(late.promise).rejects.toThrow('Command timed out');
    held.release();
    expect(sent).toEqual(['blpop b 0']);
  });

  it('go elsewhere, except for transactions and what is for this shard alone', async () => {
    const held = new Held(10, undefined, new ManualClock());
    const { target } = recorder();
    const listing = recorder().target;
    const alone = command('keys', '*');
    const block = [command('multi'), command('set', 'a', '1'), command('exec')];
    held.add(command('get', 'a'), target, false);
    held.add(alone, listing, false);
    for (const each of block) held.add(each, target, false);
    held.add(command('get', 'b'), target, false);
    const routed: string[] = [];
    held.reroute('cache', listing, (each) => void routed.push(String(each.args[0])));
    expect(routed).toEqual(['a', 'b']);
    for (const each of [alone, ...block]) {
      await expect(each.promise).rejects.toMatchObject({ code: 'FAIRLEAD_SHARD_UNAVAILABLE', endpoint: 's1' });
    }
  });
});

describe('slots', () => {
  it('let so many work at a time, the others in turn, whatever comes of them', async () => {
    const slots = new Slots(2);
    const ends: ((failed: boolean) => void)[] = [];
    const began: number[] = [];
    const runs = [0, 1, 2, 3].map((i) =>
      slots
        .run(() => {
          began.push(i);
          return new Promise<void>((resolve, reject) => {
            ends[i] = (failed) => (failed ? reject(new Error('no')) : resolve());
          });
        })
        .catch(() => {}),
    );
    expect(began).toEqual([0, 1]);
    ends[1]!(true);
    await runs[1];
    expect(began).toEqual([0, 1, 2]);
    ends[0]!(false);
    await runs[0];
    expect(began).toEqual([0, 1, 2, 3]);
    ends[2]!(false);
    ends[3]!(false);
    await Promise.all(runs);
  });
});
