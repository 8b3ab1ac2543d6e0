import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Mariadb,
  type Mysql,
  type SqlServer,
  type SqlTopology,
  startMariadb,
  startMysql,
  until,
} from '../harness/index.js';
import { connectionsAt, killConnections, pause, type Tally, through, untilReadsGoOn } from './load.js';
import { poolOver, type TestCluster } from './support.js';

const PROBE_INTERVAL_MS = 200;

describe.each([
  ['MySQL', startMysql as () => Promise<SqlTopology<Mysql | Mariadb>>, 'REPLICA'],
  ['MariaDB', startMariadb as () => Promise<SqlTopology<Mysql | Mariadb>>, 'SLAVE'],
] as const)('%s under load', (name, start, word) => {
  let topology: SqlTopology<Mysql | Mariadb>;
  let cluster: TestCluster;
  beforeEach(async () => {
    topology = await start();
    cluster = poolOver(topology, {
      connectionLimit: 5,
      probeIntervalMs: PROBE_INTERVAL_MS,
      // MySQL takes up to ten seconds to shut down under load, which writes outwait.
      acquireTimeoutMs: 30_000,
    });
    await cluster.pool.query('SELECT 1');
    await pause(300);
  });
  afterEach(async () => {
    await cluster?.[Symbol.asyncDispose]();
    // Nothing of ours is left on any server, whatever happened to it.
    for (const server of topology?.servers ?? []) {
      if (!server.running) continue;
      for (let i = 0; i < 100 && (await connectionsAt(server)) > 0; i++) await pause(20);
      expect(await connectionsAt(server)).toBe(0);
    }
    await topology?.[Symbol.asyncDispose]();
  });

  const run = (fault: (tally: Tally) => Promise<void>, also: readonly SqlServer[] = []): Promise<Tally> =>
    through(`${name}: ${expect.getState().currentTestName?.split(' > ').at(-1)}`, topology, cluster, fault, also);

  it('survives a replica that is stopped', async () => {
    const tally = await run(async (seen) => {
      await topology.replicas[0]!.stop();
      await untilReadsGoOn(seen);
      await pause(500);
    });
    expect(tally.failedWrites).toEqual([]);
  });

  it('survives a replica that hangs', async () => {
    const tally = await run(async (seen) => {
      topology.replicas[0]!.pause();
      await pause(200);
      // Two probes of a second get no answer; what waits there is read elsewhere while it hangs.
      await untilReadsGoOn(seen);
      topology.replicas[0]!.resume();
      await pause(500);
    });
    expect(tally.failedWrites).toEqual([]);
  });

  it('survives both replicas killed at once: the primary serves reads', async () => {
    const tally = await run(async (seen) => {
      await Promise.all(topology.replicas.map((replica) => replica.kill()));
      await untilReadsGoOn(seen);
      await pause(500);
    });
    expect(tally.failedWrites).toEqual([]);
  });

  it('survives a stopped applier', async () => {
    const tally = await run(async () => {
      await topology.replicas[0]!.sql(`STOP ${word} SQL_THREAD`);
      await pause(500);
    });
    expect(tally.failedWrites).toEqual([]);
  });

  it('survives a primary that hangs for a while', async () => {
    const tally = await run(async () => {
      topology.primary.pause();
      await pause(4_000);
      topology.primary.resume();
      await pause(1_500);
    });
    // What was under way when the prober gave the primary up: at most one write of each writer.
    for (const error of tally.failedWrites) expect(error).toMatchObject({ ambiguous: true });
    expect(tally.failedWrites.length).toBeLessThanOrEqual(2);
  });

  it('survives a primary that is killed and restarted', async () => {
    let backAt = 0;
    let firstWriteAt = 0;
    const tally = await run(async () => {
      await topology.primary.kill();
      await pause(300);
      await topology.primary.restart();
      backAt = performance.now();
      await cluster.pool.query('UPDATE t SET v = v WHERE id = 0');
      firstWriteAt = performance.now();
      await pause(300);
    });
    for (const error of tally.failedWrites) expect(error).toMatchObject({ ambiguous: true });
    expect(tally.failedWrites.length).toBeLessThanOrEqual(2);
    console.log(`${name}: writes ${Math.round(firstWriteAt - backAt)} ms after the primary was back`);
  });

  it('survives a primary that is stopped, and writes to the replica that is promoted instead', async () => {
    const before = topology.primary;
    let promotedAt = 0;
    let firstWriteAt = 0;
    const tally = await run(
      async ({ acknowledged }) => {
        await before.stop();
        const next = topology.replicas[0]!;
        await topology.promote(next);
        promotedAt = performance.now();
        await cluster.pool.query('UPDATE t SET v = v WHERE id = 0');
        firstWriteAt = performance.now();
        const { length } = acknowledged;
        await until('writes to go on', () => acknowledged.length > length + 20);
      },
      // A primary that shuts down may acknowledge writes that no replica gets: asynchronous
      // replication.
      [before],
    );
    // Only what was under way when it stopped; all others waited for the new one.
    for (const error of tally.failedWrites) expect(error).toMatchObject({ ambiguous: true });
    expect(tally.failedWrites.length).toBeLessThanOrEqual(2);
    console.log(`${name}: writes ${Math.round(firstWriteAt - promotedAt)} ms after the promotion`);
  });

  it('survives a demotion with a promotion', async () => {
    let readOnlyAt = 0;
    let promotedAt = 0;
    let firstWriteAt = 0;
    const tally = await run(async () => {
      const next = topology.replicas[0]!;
      readOnlyAt = performance.now();
      await topology.primary.setReadOnly(true);
      await next.waitFor(await topology.primary.position());
      await topology.promote(next);
      promotedAt = performance.now();
      await cluster.pool.query('UPDATE t SET v = v WHERE id = 0');
      firstWriteAt = performance.now();
      await pause(300);
    });
    expect(tally.failedWrites).toEqual([]);
    console.log(
      `${name}: demoted for ${Math.round(promotedAt - readOnlyAt)} ms, writes ` +
        `${Math.round(firstWriteAt - promotedAt)} ms after the promotion`,
    );
  });

  it('waits while the primary has no connection left', async () => {
    const tally = await run(async () => {
      await topology.primary.sql('SET GLOBAL max_connections = 12');
      await Promise.all(Array.from({ length: 30 }, () => cluster.pool.query('UPDATE t SET v = v WHERE id = 0')));
      await topology.primary.sql('SET GLOBAL max_connections = 200');
    });
    expect(tally.failedWrites).toEqual([]);
  });

  it('survives connections that are killed on all servers', async () => {
    let killed = 0;
    const tally = await run(async () => {
      for (let i = 0; i < 5; i++) {
        for (const server of topology.servers) killed += await killConnections(server);
        await pause(100);
      }
    });
    expect(killed).toBeGreaterThan(20);
    // A write whose connection is killed under it may have happened: at most one for each kill that
    // met a write.
    for (const error of tally.failedWrites) expect(error).toMatchObject({ ambiguous: true });
    expect(tally.failedWrites.length).toBeLessThanOrEqual(10);
  });

  it('survives servers that end idle connections after a second', async () => {
    for (const server of topology.servers) await server.sql('SET GLOBAL wait_timeout = 1');
    // A session takes the setting when it begins: those that have none of it go, before there is
    // any load to disturb.
    await cluster[Symbol.asyncDispose]();
    cluster = poolOver(topology, { connectionLimit: 5, probeIntervalMs: PROBE_INTERVAL_MS });
    await cluster.pool.query('SELECT 1');
    await pause(300);
    const tally = await run(async () => {
      for (let i = 0; i < 3; i++) {
        // Many at once, so that most of the connections they leave are idle afterwards.
        await Promise.all(Array.from({ length: 20 }, () => cluster.pool.query('SELECT SLEEP(0.01)')));
        await pause(1_200);
      }
    });
    // A write that was sent while its connection was being ended: MariaDB says no more than that it
    // is gone.
    for (const error of tally.failedWrites) expect(error).toMatchObject({ ambiguous: true });
  });

  // MariaDB has no such mode.
  if (name === 'MariaDB') return;
  it('survives a replica and then a primary in offline mode', async () => {
    const tally = await run(async () => {
      await topology.replicas[0]!.sql('SET GLOBAL offline_mode = ON');
      await pause(500);
      await topology.replicas[0]!.sql('SET GLOBAL offline_mode = OFF');
      await topology.primary.sql('SET GLOBAL offline_mode = ON');
      await pause(500);
      await topology.primary.sql('SET GLOBAL offline_mode = OFF');
      await pause(500);
    });
    expect(tally.failedWrites.length).toBeLessThanOrEqual(2);
    for (const error of tally.failedWrites) expect(error).toMatchObject({ ambiguous: true });
  });
});
