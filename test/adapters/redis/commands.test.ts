import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { commandTable } from '../../../adapters/redis/command-table.js';
import { isBlocking, isSubscription, RULES, ruleOf } from '../../../adapters/redis/commands.js';
import { Command, Redis } from '../../../adapters/redis/driver.js';
import { readShardedOptions } from '../../../adapters/redis/options.js';

describe('the table of commands', () => {
  it('is in docs/redis.md as it is in the code', () => {
    const page = readFileSync(new URL('../../../docs/redis.md', import.meta.url), 'utf8');
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
    const { own, driver } = readShardedOptions({ service: 'cache', password: 'secret', db: 2 });
    expect(own).toMatchObject({ service: 'cache', placement: 'ketama', onFailure: 'fail' });
    expect(driver).toMatchObject({ password: 'secret', db: 2, commandTimeout: 5_000 });
  });

  it.each([
    [{ host: 'x' }, /ShardedRedis\.host/],
    [{ sentinels: [] }, /ShardedRedis\.sentinels/],
    [{ enableAutoPipelining: true }, /enableAutoPipelining is true: allowed is false/],
    [{ autoResendUnfulfilledCommands: true }, /autoResendUnfulfilledCommands/],
    [{ maxRetriesPerRequest: 3 }, /maxRetriesPerRequest is 3/],
    [{ onFailure: 'next' }, /onFailure is "next"/],
    [{ service: '' }, /service/],
  ])('%j are refused by name', (options, message) => {
    expect(() => readShardedOptions({ service: 'cache', ...options })).toThrow(message);
  });
});
