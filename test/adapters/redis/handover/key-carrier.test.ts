import { ManualClock, seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { readShardedOptions } from '../../../../adapters/redis/common/options.js';
import { Command, keysOf } from '../../../../adapters/redis/driver/driver.js';
import { KeyCarrier } from '../../../../adapters/redis/handover/key-carrier.js';
import { SettlingKeys } from '../../../../adapters/redis/handover/settling.js';
import { Windows } from '../../../../adapters/redis/handover/windows.js';
import { FakeServer, FakeShard, setOf, settle } from '../fakes.js';

/** Has no key, and notes that it has none of the tag that is asked for. */
class EmptyServer extends FakeServer {
  /** Commands that are not answered. */
  readonly stuck = new Set<string>();

  override execute(command: Command): void {
    if (this.stuck.has(command.name)) return;
    const reply = command.name === 'exists' ? 0 : [1, 0];
    queueMicrotask(() => command.resolve(reply as never));
  }
}

/** Keys went to `a` before, and go to `b` now. */
function start() {
  const clock = new ManualClock();
  const random = seededRandom(1);
  const server = new EmptyServer();
  const [a, b] = [new FakeShard('a', server), new FakeShard('b', new FakeServer())];
  for (const shard of [a, b]) shard.state = 'up';
  const { own } = readShardedOptions({ service: 'cache', handover: { windowMs: 2_000, settleMs: 500 } }, random);
  const windows = new Windows();
  windows.open(setOf(1, [a]), 0);
  const current = setOf(2, [b]);
  const host = { own, clock, random, current: () => current, keysOf, again: () => {} };
  const carrier = new KeyCarrier(host, windows, new SettlingKeys(clock));
  const bring = (name: string, ...args: string[]): { is: string } => {
    const command = new Command(name, args);
    const state = { is: 'waits' };
    command.promise.catch((error: Error & { code?: string }) => {
      state.is = `${error.code}: ${error.message}`;
    });
    carrier.bring(b.shard, [command], () => {
      state.is = 'sent';
    });
    return state;
  };
  return { clock, stuck: server.stuck, carrier, bring };
}

describe('a script that waits for all keys of its tag', () => {
  it('is sent when there is none left, and the next at once', async () => {
    const { bring, clock } = start();
    const script = bring('eval', 'return 1', '1', '{tag}:key');
    expect(script.is).toBe('waits');
    await settle();
    expect(script.is).toBe('sent');
    expect(bring('evalsha', '', '1', '{tag}:other').is).toBe('sent');
    expect(clock.pending).toBe(0);
  });

  it('fails after settleMs and windowMs', async () => {
    const { clock, stuck, carrier, bring } = start();
    stuck.add('eval');
    const script = bring('eval', 'return 1', '1', '{tag}:key');
    await clock.advanceAsync(2_499);
    expect(script.is).toBe('waits');
    await clock.advanceAsync(1);
    expect(script.is).toMatch(/^FAIRLEAD_HANDOVER: EVAL waited 2500 ms.*Nothing was sent/);
    expect([carrier.counts.failed, clock.pending]).toEqual([1, 0]);
  });

  it('holds up the commands of its tag that come after it, and no others', async () => {
    const { stuck, bring } = start();
    stuck.add('eval');
    bring('eval', 'return 1', '1', '{tag}:key');
    const [same, other] = [bring('get', '{tag}:other'), bring('get', '{else}:other')];
    await settle();
    expect([same.is, other.is]).toEqual(['waits', 'sent']);
  });

  it('is sent after the commands of its tag that came before it', async () => {
    const { stuck, bring } = start();
    stuck.add('exists');
    const before = bring('set', '{tag}:other', '1');
    stuck.clear();
    const [script, other] = [bring('eval', '', '1', '{tag}:key'), bring('eval', '', '1', '{else}:key')];
    await settle();
    expect([before.is, script.is, other.is]).toEqual(['waits', 'waits', 'sent']);
  });
});
