import { createMesh, type Mesh, staticResolver } from 'fairlead';
import { createPool } from 'fairlead/mysql/promise';
import type { ResultSetHeader, RowDataPacket } from 'mysql2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Mysql, SQL_USERS, type SqlTopology, startMysql } from '../harness/index.js';

let topology: SqlTopology<Mysql>;
let mesh: Mesh;
let pool: ReturnType<typeof createPool>;

beforeAll(async () => {
  topology = await startMysql();
  const endpoints = [topology.primary, ...topology.replicas].map((server, i) => ({
    id: `db${i}`,
    host: server.host,
    port: server.port,
  }));
  mesh = createMesh({ resolver: staticResolver({ mysql: endpoints }) });
  pool = createPool(mesh, { service: 'mysql', ...SQL_USERS.app, database: topology.database });
});
afterAll(async () => {
  await pool?.end();
  await mesh?.close();
  await topology?.[Symbol.asyncDispose]();
});

describe('a pool over a primary and two replicas', () => {
  it('reads on replicas and writes on the primary', async () => {
    const [result] = await pool.query<ResultSetHeader>('INSERT INTO t (v) VALUES (?)', ['a']);
    expect(result.affectedRows).toBe(1);
    const [rows] = await pool.query<RowDataPacket[]>('SELECT v FROM t WHERE id = ?', [result.insertId]);
    expect(rows).toEqual([{ v: 'a' }]);
  });
});
