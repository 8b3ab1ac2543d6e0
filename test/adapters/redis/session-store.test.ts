import { describe, expect, it } from 'vitest';
import { redisSessionStore, type ScriptRunner } from '../../../adapters/redis/session-store.js';

/** Answers every script with `reply`, and knows no script by its digest until it saw it in full. */
function runner(reply: unknown): ScriptRunner & { readonly calls: unknown[][] } {
  const calls: unknown[][] = [];
  let loaded = false;
  return {
    calls,
    async evalsha(_, ...args) {
      calls.push(['evalsha', ...args]);
      if (!loaded) throw new Error('NOSCRIPT No matching script.');
      return reply;
    },
    async eval(_, ...args) {
      loaded = true;
      calls.push(['eval', ...args]);
      return reply;
    },
  };
}

describe('the session store', () => {
  it('asks by the digest of its script, and in full where the server does not know it', async () => {
    const redis = runner('b');
    const store = redisSessionStore(redis, { prefix: 'carts:' });
    expect(await store.load('key', 1_000.4)).toBe('b');
    expect(await store.load('key', 1_000)).toBe('b');
    expect(redis.calls.map(([how]) => how)).toEqual(['evalsha', 'eval', 'evalsha']);
    expect(redis.calls[1]).toEqual(['eval', 1, 'carts:key', 1_001]);
  });

  it('binds with what is to be replaced, if anything', async () => {
    const redis = runner('theirs');
    const store = redisSessionStore(redis, { prefix: 'carts:' });
    expect(await store.bind('key', 'mine', 500, undefined)).toBe('theirs');
    await store.bind('key', 'mine', 500, 'old');
    expect(redis.calls.at(-2)).toEqual(['eval', 1, 'carts:key', 'mine', 500]);
    expect(redis.calls.at(-1)).toEqual(['evalsha', 1, 'carts:key', 'mine', 500, 'old']);
  });

  it('unbinds', async () => {
    const redis = runner(1);
    await redisSessionStore(redis, { prefix: 'carts:' }).unbind?.('key');
    expect(redis.calls.at(-1)).toEqual(['eval', 1, 'carts:key']);
  });

  it('takes what is no text for no session, and hands on other errors', async () => {
    expect(await redisSessionStore(runner(null), { prefix: 'p' }).load('key', 1)).toBeUndefined();
    expect(await redisSessionStore(runner(null), { prefix: 'p' }).bind('key', 'a', 1, undefined)).toBe('a');
    const down: ScriptRunner = {
      evalsha: () => Promise.reject(new Error('down')),
      eval: () => Promise.reject(new Error('never asked')),
    };
    await expect(redisSessionStore(down, { prefix: 'p' }).load('key', 1)).rejects.toThrow('down');
  });

  it('refuses what is no client and options it does not know', () => {
    expect(() => redisSessionStore({} as ScriptRunner, { prefix: 'p' })).toThrow(/a client of ioredis/);
    expect(() => redisSessionStore(runner(null), { prefix: '' })).toThrow(/redisSessionStore\.prefix/);
    expect(() => redisSessionStore(runner(null), { prefix: 'p', ttl: 1 } as never)).toThrow(/ttl/);
  });
});
