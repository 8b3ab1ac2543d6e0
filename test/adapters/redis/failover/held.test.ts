import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { timedOut } from '../../../../adapters/redis/driver/deadlines.js';
import { type Command, ownCommand } from '../../../../adapters/redis/driver/driver.js';
import { type Held, release, reroute } from '../../../../adapters/redis/failover/held.js';
import { PendingCommands } from '../../../../adapters/redis/shards/pending-commands.js';
import type { Target } from '../../../../adapters/redis/shards/shard.js';

function recorder(): { target: Target; sent: string[] } {
  const sent: string[] = [];
  const take = (command: Command): void => void sent.push(`${command.name} ${command.args.join(' ')}`);
  const sendTogether = (commands: readonly Command[]): void => {
    sent.push(`together: ${commands.map(({ name, args }) => `${name} ${args.join(' ')}`).join(' / ')}`);
  };
  const target = { name: 's1', send: take, sendTogether, blocking: { send: take } } as unknown as Target;
  return { target, sent };
}

const command = (name: string, ...args: string[]): Command => {
  const made = ownCommand(name, args);
  made.promise.catch(() => {});
  return made;
};

const holding = (limit: number, timeoutMs: number | undefined, clock: ManualClock): Held =>
  new PendingCommands(limit, timeoutMs, clock, timedOut);

describe('commands that are held', () => {
  it('go on in their order, transactions as a whole', () => {
    const held = holding(5, undefined, new ManualClock());
    const { target, sent } = recorder();
    held.add([command('get', 'a')], { target, blocking: false });
    held.add([command('multi'), command('incr', 'b'), command('exec')], { target, blocking: false });
    expect(held.full).toBe(false);
    held.add([command('get', 'c')], { target, blocking: false });
    expect(held.full).toBe(true);
    release(held);
    expect(sent).toEqual(['get a', 'together: multi  / incr b / exec ', 'get c']);
    expect(held.full).toBe(false);
    release(held);
    expect(sent).toHaveLength(3);
  });

  it('fail when their deadline passes, and are not sent then', async () => {
    const clock = new ManualClock();
    const held = holding(3, 500, clock);
    const { target, sent } = recorder();
    const late = [command('multi'), command('set', 'a', '1'), command('exec')];
    held.add(late, { target, blocking: false });
    held.add([command('blpop', 'b', '0')], { target, blocking: true }, false);
    clock.advance(500);
    for (const each of late) await expect(each.promise).rejects.toThrow('Command timed out');
    release(held);
    expect(sent).toEqual(['blpop b 0']);
    expect(clock.pending).toBe(0);
  });

  it('go elsewhere, transactions as a whole, except for what is for this shard alone', async () => {
    const held = holding(10, undefined, new ManualClock());
    const { target } = recorder();
    const listing = recorder().target;
    const alone = command('keys', '*');
    const block = [command('multi'), command('set', 'a', '1'), command('exec')];
    held.add([command('get', 'a')], { target, blocking: false });
    held.add([alone], { target: listing, blocking: false });
    held.add(block, { target, blocking: false });
    held.add([command('get', 'b')], { target, blocking: false });
    const routed: string[] = [];
    reroute(held, 'cache', listing, (all) => void routed.push(all.map(({ name, args }) => name + args[0]).join(' ')));
    expect(routed).toEqual(['geta', 'multiundefined seta execundefined', 'getb']);
    await expect(alone.promise).rejects.toMatchObject({ code: 'FAIRLEAD_SHARD_UNAVAILABLE', endpoint: 's1' });
  });

  it('fail at once when the client is closed, and leave no timer', async () => {
    const clock = new ManualClock();
    const held = holding(10, 500, clock);
    const waiting = command('get', 'a');
    held.add([waiting], { target: recorder().target, blocking: false });
    held.close('cache');
    await expect(waiting.promise).rejects.toMatchObject({ code: 'FAIRLEAD_CLOSED' });
    expect(clock.pending).toBe(0);
  });
});
