import { readFileSync } from 'node:fs';
import { createMesh, staticResolver } from 'fairlead';
import { createPool } from 'fairlead/mysql';
import { afterAll, describe, expect, it } from 'vitest';
import { readPoolOptions } from '../../adapters/mysql/common/options.js';

const page = readFileSync(new URL('../../docs/mysql.md', import.meta.url), 'utf8');
const mesh = createMesh({ resolver: staticResolver({ mysql: [] }) });
const pool = createPool(mesh, { service: 'mysql' });

afterAll(async () => {
  await new Promise<void>((resolve) => pool.end(() => resolve()));
  await mesh.close();
});

const routes = [...page.matchAll(/^\| `(.+)` \| (replica|primary|same connection) \| (yes|no) \|$/gm)];

describe('the routing table of docs/mysql.md', () => {
  it('is found', () => expect(routes.length).toBeGreaterThan(25));

  it.each(routes.map(([, sql, target, keeps]) => [sql!, target!, keeps!]))(
    'is right about %s',
    (sql, target, keeps) => {
      const route = pool.route(sql);
      expect([route.target, route.keepsSession ? 'yes' : 'no']).toEqual([target, keeps]);
    },
  );
});

describe('the options of docs/mysql.md', () => {
  const { own } = readPoolOptions({ service: 'mysql' });
  const options = new Map([...page.matchAll(/^\| `(\w+)` \| *(.*?) *\| /gm)].map(([, name, value]) => [name!, value!]));

  it('are all there', () => expect([...options.keys()]).toEqual(expect.arrayContaining(Object.keys(own))));

  it.each(Object.entries(own).filter(([, value]) => ['number', 'boolean', 'string'].includes(typeof value)))(
    'have the default of %s',
    (name, value) => {
      if (name === 'service') return;
      const shown = options.get(name)!.replaceAll(/[`',]/g, '');
      expect(shown).toBe(String(value));
    },
  );
});
