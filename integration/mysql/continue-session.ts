/**
 * A process that continues a session of another: told servers, a token and a row, it tells what it
 * reads, again and again, from a pool of its own.
 */
import { createMesh, type EndpointInput, staticResolver, type TokenKey } from 'fairlead';
import { createPool } from 'fairlead/mysql/promise';
import type { RowDataPacket } from 'mysql2';

interface Task {
  readonly endpoints: EndpointInput[];
  readonly login: { readonly user: string; readonly password: string };
  readonly database: string;
  readonly sessionKeys: readonly TokenKey[];
}

interface Question {
  readonly token: string;
  readonly id: number;
  readonly write?: string;
}

const task = JSON.parse(process.argv[2]!) as Task;
const mesh = createMesh({ resolver: staticResolver({ mysql: task.endpoints }) });
const pool = createPool(mesh, {
  service: 'mysql',
  ...task.login,
  database: task.database,
  probeIntervalMs: 200,
  sessionKeys: task.sessionKeys,
});

process.on('message', ({ token, id, write }: Question) => {
  const answer = async (): Promise<unknown> => {
    const [rows] = await pool.query<RowDataPacket[]>('SELECT v FROM t WHERE id = ?', [id]);
    if (write !== undefined) await pool.query('UPDATE t SET v = ? WHERE id = ?', [write, id]);
    return { value: rows[0]?.v as unknown, token: pool.exportSession() };
  };
  pool.session(answer, token).then(
    (told) => process.send?.(told as object),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on('disconnect', () => {
  void pool.end().then(() => mesh.close());
});
// Ready, with the roles known.
await pool.query('SELECT 1');
process.send?.({ ready: true });
