import { readFileSync } from 'node:fs';
import { createMesh } from 'fairlead';
import { createConnection, createTcpProxy, createUdpProxy } from 'fairlead/tcp';
import { seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { readShardedOptions } from '../../adapters/redis/common/options.js';
import { testMesh } from '../support/mesh.js';

/** Names in backticks in the first cells of a section's tables. */
function listed(page: string, heading: string): string[] {
  const text = readFileSync(new URL(`../../docs/${page}`, import.meta.url), 'utf8');
  const section = text.slice(text.indexOf(heading)).split(/^## /m).slice(0, 2).join('');
  return [...section.matchAll(/^\| (`[^|]*`) \|/gm)].flatMap(([, cell]) => cell!.match(/\w+/g) ?? []);
}

describe('docs/getting-started.md', () => {
  it('has every option of a service, and no other', () => {
    let said = '';
    try {
      createMesh().service('users', { misspelt: 1 } as object);
    } catch (error) {
      said = (error as Error).message;
    }
    const known = said.slice(said.indexOf('there are ') + 10, -1).split(', ');
    expect(known).toContain('policy');
    expect(listed('getting-started.md', '## 3. Options of a service').sort()).toEqual(known.sort());
  });
});

describe('docs/tcp.md', () => {
  const { mesh } = testMesh({});
  const known = (make: (options: never) => unknown): string[] => {
    try {
      make({ service: 'users', misspelt: 1 } as never);
    } catch (error) {
      const { message } = error as Error;
      return message
        .slice(message.indexOf('there are ') + 10, -1)
        .split(', ')
        .sort();
    }
    return [];
  };

  it.each([
    ['## createConnection', (options: never) => createConnection(mesh, options)],
    ['## createTcpProxy', (options: never) => createTcpProxy(mesh, options)],
    ['## createUdpProxy', (options: never) => createUdpProxy(mesh, options)],
  ])('has every option of %s, and no other', (heading, make) => {
    expect(known(make)).toContain('service');
    expect(listed('tcp.md', heading).sort()).toEqual(known(make));
  });
});

describe('docs/redis.md', () => {
  it('has every option of ShardedRedis, and no other', () => {
    const known = Object.keys(readShardedOptions({ service: 'cache', handover: { windowMs: 1 } }, seededRandom(1)).own);
    expect(listed('redis.md', '# Redis').sort()).toEqual(known.sort());
  });
});
