import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SqlServer, type SqlTopology, startMariadb, startMysql } from '../../harness/index.js';
import { mysqlPairing } from './mysql/pairing.js';
import { described, difference } from './script.js';
import { seeds } from './seeds.js';

const args = ['--innodb-lock-wait-timeout=1', '--lock-wait-timeout=1', '--local-infile=ON'];

describe.each([
  ['mysql', () => startMysql({ replicas: 0, args }) as Promise<SqlTopology<SqlServer>>],
  ['mariadb', () => startMariadb({ replicas: 0, args }) as Promise<SqlTopology<SqlServer>>],
] as const)('a pool over one server, beside mysql2: %s', (name, start) => {
  let topology: SqlTopology<SqlServer>;
  beforeAll(async () => {
    topology = await start();
  });
  afterAll(() => topology?.[Symbol.asyncDispose]());

  it.each(seeds(name))(
    'the script of seed %i is answered alike',
    async (seed) => {
      const found = await difference(mysqlPairing(name, topology), seed, 40);
      expect(found && described(found)).toBeUndefined();
    },
    120_000,
  );
});
