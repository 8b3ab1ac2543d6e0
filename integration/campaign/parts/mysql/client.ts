import { setTimeout as sleep } from 'node:timers/promises';
import { createMesh } from 'fairlead';
import { consulResolver } from 'fairlead/consul';
import { createPool } from 'fairlead/mysql/promise';
import type { ClientContext, ClientPart, RunningClient } from '../../part.js';
import { choose, type OperationContext, readAll } from './operations/index.js';
import { plainPool } from './plain.js';
import { SERVICE } from './world.js';

/** What all processes sign sessions with. */
const SESSION_KEYS = [{ id: 'campaign', secret: 'a secret that is long enough for this' }];

const LOGIN = { user: 'app', password: 'app', database: 'test' };

/** The longest that a clean-up waits for its answer, mysql2's `connectTimeout`, and some more. */
const GIVEN_BACK_WITHIN_MS = 13_000;

export const client: ClientPart = {
  async start(given: ClientContext): Promise<RunningClient> {
    const { history, keys, name } = given;
    const { flavor, client: library, operations, startsBehind: _, autocommit, ...rest } = given.options as MysqlOptions;
    const { consul, ports } = given.world as { consul: string; ports: readonly number[] };
    const autocommits = autocommit !== false;
    const own = { history, keys, name, flavor, autocommits, unique: 0, asNew: undefined };
    if (library === 'plain') {
      const pool = plainPool(ports, LOGIN, rest);
      return running({ ...own, pool: pool as never }, 'plain', () => pool.end());
    }
    const mesh = createMesh({ resolver: consulResolver({ address: consul, env: {} }) });
    const options = { ...rest, ...LOGIN, sessionKeys: SESSION_KEYS, service: SERVICE };
    const initStatements = autocommits ? [] : ['SET autocommit = 0'];
    const pool = createPool(mesh, { ...options, initStatements } as never);
    await mesh.service(SERVICE).ready();
    const inUse = (): unknown[] => Object.entries(pool.stats()).filter(([, { busy, waiting }]) => busy + waiting > 0);
    const context = { ...own, pool };
    return {
      ...running(context, operations, async () => {
        await pool.end();
        await mesh.close({ deadlineMs: 2_000 });
      }),
      async final() {
        await readAll(context);
        // What was released may be cleaned still, and the answer may have been lost.
        for (let waitedMs = 0; inUse().length > 0 && waitedMs < GIVEN_BACK_WITHIN_MS; waitedMs += 50) await sleep(50);
        if (inUse().length > 0) history.complain('connections are in use although nothing is asked for', inUse());
      },
    };
  },
};

interface MysqlOptions extends Readonly<Record<string, unknown>> {
  readonly flavor: 'mysql' | 'mariadb';
  /** `plain` is never drawn: mysql2's PoolCluster, to compare with. */
  readonly client?: 'plain';
  /** Names; `plain` is never drawn either: only what PoolCluster can do as well. */
  readonly operations?: Parameters<typeof choose>[1];
  readonly startsBehind?: boolean;
  readonly autocommit?: boolean;
}

function running(
  context: OperationContext,
  operations: MysqlOptions['operations'],
  end: () => Promise<void>,
): RunningClient {
  return {
    step: async (worker, random) => void (await choose(random, operations)(context, worker, random)),
    final: () => readAll(context),
    end,
  };
}
