import { createMesh, staticResolver } from 'fairlead';
import { createPool } from 'fairlead/mysql/promise';
import { describe, expect, it } from 'vitest';

describe('a pool whose mesh is closed', () => {
  it('refuses statements and connections at once, rather than wait for a server that nobody would tell of', async () => {
    const mesh = createMesh({ resolver: staticResolver({ mysql: [] }) });
    const pool = createPool(mesh, { service: 'mysql', user: 'app' });
    await mesh.close();
    const refusal = { code: 'FAIRLEAD_CLOSED', message: expect.stringContaining('The mesh is closed') };
    await expect(pool.query('SELECT 1')).rejects.toMatchObject(refusal);
    await expect(pool.execute('INSERT INTO t VALUES (1)')).rejects.toMatchObject(refusal);
    const connection = await pool.getConnection();
    await expect(connection.query('BEGIN')).rejects.toMatchObject(refusal);
    connection.release();
    await pool.end();
  });
});
