import { Command } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { keysOf } from '../../../../adapters/redis/driver/driver.js';

const keys = (name: string, ...args: (string | Buffer)[]): unknown => keysOf(new Command(name, args));

describe('the keys of SORT', () => {
  it('are the list and where the result goes', () => {
    expect(keys('sort', 'list')).toEqual(['list']);
    expect(keys('SORT', 'list', 'LIMIT', '0', '10', 'DESC', 'ALPHA', 'STORE', 'by')).toEqual(['list', 'by']);
    expect(keys('sort', Buffer.from('list'), Buffer.from('store'), Buffer.from('to'))).toEqual([
      Buffer.from('list'),
      Buffer.from('to'),
    ]);
  });

  it('are the patterns that name keys, and not those without a star', () => {
    expect(keys('sort', 'list', 'BY', 'nosort')).toEqual(['list']);
    expect(keys('sort_ro', 'list', 'by', 'nosort', 'get', '#')).toEqual(['list']);
    expect(keys('sort', 'list', 'BY', 'w_*', 'GET', '#', 'GET', 'h_*->name')).toEqual(['list', 'w_*', 'h_*->name']);
  });

  it('are told whatever is missing behind them', () => {
    expect(keys('sort')).toEqual([]);
    expect(keys('sort', 'list', 'BY')).toEqual(['list']);
    expect(keys('sort', 'list', 'STORE')).toEqual(['list']);
  });
});
