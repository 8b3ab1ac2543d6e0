/** A process with two pools over the servers that it is told, which looks at them until it ends. */
import { createMesh, type EndpointInput, staticResolver } from 'fairlead';
import { createPool } from 'fairlead/mysql/promise';

interface Task {
  readonly endpoints: EndpointInput[];
  readonly login: { readonly user: string; readonly password: string };
  readonly probeIntervalMs: number;
}

const { endpoints, login, probeIntervalMs } = JSON.parse(process.argv[2]!) as Task;
const mesh = createMesh({ resolver: staticResolver({ mysql: endpoints }) });
const pools = ['test', 'mysql'].map((database) =>
  createPool(mesh, { service: 'mysql', ...login, database, probeIntervalMs, maxIdle: 0 }),
);
process.on('disconnect', () => {
  void Promise.all(pools.map((pool) => pool.end())).then(() => mesh.close());
});
// Every server was looked at by now.
await Promise.all(pools.map((pool) => pool.query('SELECT 1')));
process.send?.({ ready: true });
