import { afterEach, describe, expect, it } from 'vitest';
import { ShardedRedis } from '../../../adapters/redis/index.js';
import type { EndpointSpec } from '../../../src/index.js';
import { testMesh } from '../../support/mesh.js';

const endpoint = (id: string) => ({ id, host: '127.0.0.1', port: 1 });
const many = Array.from({ length: 2_000 }, (_, i) => endpoint(`e${10_000 + i}`));

const KEYS = Array.from({ length: 50 }, (_, i) => `key:${i}`);

const clients: ShardedRedis[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.disconnect();
});

function world(shardName: (spec: EndpointSpec) => string) {
  const { mesh, clock, resolver } = testMesh({ cache: [endpoint('a'), endpoint('b')] });
  const client = new ShardedRedis(mesh, { service: 'cache', shardName });
  clients.push(client);
  const errors: Error[] = [];
  client.on('error', (error) => {
    if (!/ECONNREFUSED|cannot be reached/.test(String(error))) errors.push(error);
  });
  const names = (): string[] => [...new Set(KEYS.map((key) => client.explain(key).owner))].sort();
  return { clock, client, errors, names, list: (next: (typeof many)[number][]) => resolver.update('cache', next) };
}

describe('a shardName that throws', () => {
  it.each([
    ['a few', [endpoint('bad'), endpoint('a')]],
    ['thousands, taken in later turns', [...many, endpoint('bad')]],
  ])('leaves the shards of the list before in place, for a list of %s', (_, list) => {
    const refused = new Error('no name');
    const {
      clock,
      errors,
      names,
      list: report,
    } = world(({ id }) => {
      if (id === 'bad') throw refused;
      return id;
    });
    report(list);
    clock.advance(100);
    expect(errors).toEqual([refused]);
    expect(names()).toEqual(['a', 'b']);
    report([endpoint('c')]);
    clock.advance(100);
    expect(names()).toEqual(['c']);
  });
});

it('a shardName that answers something other than a text is refused by name', () => {
  const { clock, errors, names, list } = world(({ id }) => (id === 'bad' ? 5 : id) as string);
  list([endpoint('bad')]);
  clock.advance(100);
  expect(errors.map(String)).toEqual([expect.stringMatching(/shardName answers a number for bad: allowed is a text/)]);
  expect(names()).toEqual(['a', 'b']);
});
