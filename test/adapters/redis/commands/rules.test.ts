import { readFileSync } from 'node:fs';
import { seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import {
  hasOneKeyFirst,
  isBlocking,
  isSubscription,
  RULES,
  ruleOf,
} from '../../../../adapters/redis/commands/rules.js';
import { readShardedOptions } from '../../../../adapters/redis/common/options.js';
import { Command, Redis } from '../../../../adapters/redis/driver/driver.js';
import { commandTable } from '../../../support/redis-command-table.js';

describe('the table of commands', () => {
  it('is in docs/redis.md as it is in the code', () => {
    const page = readFileSync(new URL('../../../../docs/redis.md', import.meta.url), 'utf8');
    const [, table] = /: begin -->\n([\s\S]*?)<!-- generated: end/.exec(page)!;
    expect(table!.trim()).toBe(commandTable());
  });

  it('tells subcommands apart, whatever their case', () => {
    expect(ruleOf('client', ['SETNAME', 'x'])).toEqual({ to: 'remembered' });
    expect(ruleOf('client', ['KILL'])?.to).toBe('refused');
    expect(ruleOf('script', [Buffer.from('Load')])?.to).toBe('all');
    expect(ruleOf('config', ['x'.repeat(1_000_000)])?.to).toBe('refused');
    expect(ruleOf('__proto__', ['constructor'])).toBeUndefined();
  });

  it('has a rule for every command of ioredis that shows no key', () => {
    const client = new Redis({ lazyConnect: true });
    const keyless = client
      .getBuiltinCommands()
      .filter((name) => new Command(name, ['1', '1', '1', '1', '1', '1'] as never).getKeys().length === 0);
    expect(keyless).toContain('dbsize');
    expect(keyless).not.toContain('get');
    expect(keyless.filter((name) => !RULES.has(name) && !isSubscription(name) && name !== 'quit')).toEqual([]);
  });
});

describe('commands whose only key is their first argument', () => {
  const names = new Redis({ lazyConnect: true }).getBuiltinCommands().filter(hasOneKeyFirst);

  it('have it to ioredis as well', () => {
    // Words that could turn further arguments into keys.
    const words = ['STORE', 'STOREDIST', 'BY', 'GET', 'STREAMS', 'KEYS', '2', '1', 'x', ''];
    for (const name of names) {
      for (let i = 0; i < words.length; i++) {
        const args = ['key', ...words.slice(i), ...words.slice(0, i)];
        for (const some of [args.slice(0, 1), args.slice(0, 3), args]) {
          expect([name, ...new Command(name, some as never).getKeys()]).toEqual([name, 'key']);
          expect(isBlocking(name, some) || ruleOf(name, some) !== undefined).toBe(false);
        }
      }
    }
  });

  it('are most of them, and none else', () => {
    expect(names.length).toBeGreaterThan(100);
    for (const name of ['sort', 'georadius', 'del', 'mget', 'eval', 'xread', 'GET', '__proto__', 'constructor']) {
      expect(hasOneKeyFirst(name)).toBe(false);
    }
  });
});

describe('blocking commands', () => {
  it('are those that wait at the server', () => {
    expect(isBlocking('blpop', ['a', 0])).toBe(true);
    expect(isBlocking('xread', ['BLOCK', 0, 'STREAMS', 's', '$'])).toBe(true);
    expect(isBlocking('xread', ['COUNT', 1, 'STREAMS', 'block', '0'])).toBe(false);
    expect(isBlocking('lpop', ['a'])).toBe(false);
  });
});

describe('options', () => {
  it('of ioredis go to the connections, with deadlines by default', () => {
    const { own, driver } = readShardedOptions({ service: 'cache', password: 'secret', db: 2 }, seededRandom(1));
    expect(own).toMatchObject({ service: 'cache', placement: 'ketama', onFailure: 'fail' });
    expect(driver).toMatchObject({ password: 'secret', db: 2, commandTimeout: 5_000 });
  });

  it.each([
    [{ host: 'x' }, /ShardedRedis\.host/],
    [{ sentinels: [] }, /ShardedRedis\.sentinels/],
    [{ enableAutoPipelining: true }, /enableAutoPipelining is true: allowed is false/],
    [{ autoResendUnfulfilledCommands: true }, /autoResendUnfulfilledCommands/],
    [{ maxRetriesPerRequest: 3 }, /maxRetriesPerRequest is 3/],
    [{ onFailure: 'eject' }, /onFailure is "eject"/],
    [{ service: '' }, /service/],
  ])('%j are refused by name', (options, message) => {
    expect(() => readShardedOptions({ service: 'cache', ...options }, seededRandom(1))).toThrow(message);
  });
});
