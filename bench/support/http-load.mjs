// Plays clients: so many GETs over kept connections, 64 at a time, whenever its parent says so.
// Ends with its parent.
import { Pool } from 'undici';

const CONCURRENCY = 64;
const pools = new Map();

process.on('message', async ({ port, operations }) => {
  let pool = pools.get(port);
  if (pool === undefined) {
    pool = new Pool(`http://127.0.0.1:${port}`, { connections: CONCURRENCY });
    pools.set(port, pool);
  }
  let left = operations;
  const client = async () => {
    while (left-- > 0) {
      const { statusCode, body } = await pool.request({ path: '/', method: 'GET' });
      await body.dump();
      if (statusCode !== 200) throw new Error(`status ${statusCode}`);
    }
  };
  try {
    await Promise.all(Array.from({ length: CONCURRENCY }, client));
    process.send({});
  } catch (error) {
    process.send({ error: String(error) });
  }
});
process.on('disconnect', () => process.exit(0));
