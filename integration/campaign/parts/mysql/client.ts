import { createMesh } from 'fairlead';
import { consulResolver } from 'fairlead/consul';
import { createPool } from 'fairlead/mysql/promise';
import type { ClientContext, ClientPart, RunningClient } from '../../part.js';
import { choose, type OperationContext, readAll } from './operations.js';
import { SERVICE } from './world.js';

/** What all processes sign sessions with. */
const SESSION_KEYS = [{ id: 'campaign', secret: 'a secret that is long enough for this' }];

export const client: ClientPart = {
  async start(context: ClientContext): Promise<RunningClient> {
    const { history, keys, name } = context;
    const { flavor: _, ...given } = context.options as Record<string, unknown>;
    const { consul } = context.world as { consul: string };
    const mesh = createMesh({ resolver: consulResolver({ address: consul, env: {} }) });
    const login = { user: 'app', password: 'app', database: 'test', sessionKeys: SESSION_KEYS };
    const pool = createPool(mesh, { ...given, ...login, service: SERVICE } as never);
    await mesh.service(SERVICE).ready();
    const own: OperationContext = { pool, history, keys, name, unique: 0 };
    return {
      step: async (worker, random) => void (await choose(random)(own, worker, random)),
      final: () => readAll(own),
      async end() {
        const waits = Object.entries(pool.stats()).filter(([, { busy, waiting }]) => busy + waiting > 0);
        if (waits.length > 0) history.complain('connections are in use although nothing is asked for', waits);
        await pool.end();
        await mesh.close({ deadlineMs: 2_000 });
      },
    };
  },
};
