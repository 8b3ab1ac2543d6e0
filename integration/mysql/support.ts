import {
  createMesh,
  type EndpointInput,
  type Mesh,
  type StaticResolver,
  staticResolver,
  type TokenKey,
} from 'fairlead';
import { type CreatePoolOptions, createPool } from 'fairlead/mysql/promise';
import { SQL_USERS, type SqlServer, type SqlTopology } from '../harness/index.js';

export type TestPool = ReturnType<typeof createPool>;

export interface TestCluster extends AsyncDisposable {
  readonly mesh: Mesh;
  readonly resolver: StaticResolver;
  readonly pool: TestPool;
}

/** What all processes of a test sign sessions with. */
export const SESSION_KEYS: readonly TokenKey[] = [{ id: 'test', secret: 'a secret that is long enough for this' }];

/** Endpoints named db0 (the primary at first), db1, db2. */
export function endpointsOf(topology: SqlTopology<SqlServer>): EndpointInput[] {
  return [topology.primary, ...topology.replicas].map((server, i) => ({
    id: `db${i}`,
    host: server.host,
    port: server.port,
  }));
}

/** A mesh and a pool over the servers of a topology, as an application has them. */
export function poolOver(topology: SqlTopology<SqlServer>, options: Partial<CreatePoolOptions> = {}): TestCluster {
  const resolver = staticResolver({ mysql: endpointsOf(topology) });
  const mesh = createMesh({ resolver });
  const pool = createPool(mesh, {
    service: 'mysql',
    ...SQL_USERS.app,
    database: topology.database,
    probeIntervalMs: 200,
    ...options,
  });
  return {
    mesh,
    resolver,
    pool,
    [Symbol.asyncDispose]: async () => {
      await pool.end();
      await mesh.close();
    },
  };
}

/** SELECTs that a server has run, so that it can be told where reads went. */
export async function selectsOf(server: SqlServer): Promise<number> {
  const [row] = await server.sql<{ Value: string }>("SHOW GLOBAL STATUS LIKE 'Com_select'");
  return Number(row!.Value);
}
