import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { SQL_USERS, type SqlServer, type SqlTopology, startMariadb, startMysql } from '../harness/index.js';
import { endpointsOf, poolOver, SESSION_KEYS } from './support.js';

interface Answer {
  readonly value?: unknown;
  readonly token?: string;
  readonly error?: string;
}

/** Another process, with a pool of its own, that continues sessions. */
class OtherProcess implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(topology: SqlTopology<SqlServer>): Promise<OtherProcess> {
    const task = {
      endpoints: endpointsOf(topology),
      login: SQL_USERS.app,
      database: topology.database,
      sessionKeys: SESSION_KEYS,
    };
    const child = fork(fileURLToPath(new URL('continue-session.ts', import.meta.url)), [JSON.stringify(task)], {
      execArgv: ['--import', 'tsx', '--conditions=fairlead-source'],
    });
    await once(child, 'message');
    return new OtherProcess(child);
  }

  async ask(question: { token: string; id: number; write?: string }): Promise<Answer> {
    this.#child.send(question);
    const [answer] = (await once(this.#child, 'message')) as [Answer];
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = once(this.#child, 'exit');
    this.#child.disconnect();
    await gone;
  }
}

const families: [string, () => Promise<SqlTopology<SqlServer>>, string][] = [
  ['MySQL', startMysql, 'REPLICA'],
  ['MariaDB', startMariadb, 'SLAVE'],
];

describe.each(families)('a session of %s that goes on in another process', (_, start, word) => {
  it('reads what it wrote, while replicas lag, back and forth, and after its primary was replaced', async () => {
    await using topology = await start();
    await using here = poolOver(topology, { sessionKeys: SESSION_KEYS });
    await using there = await OtherProcess.start(topology);
    const { pool } = here;
    await pool.query("INSERT INTO t (id, v) VALUES (7, 'start')");
    await topology.caughtUp();

    // A cookie may be sent back unchanged by anybody: it is text without spaces or separators of
    // headers.
    let token = '';
    const lag = async (act: () => Promise<void>): Promise<void> => {
      for (const replica of topology.replicas) await replica.sql(`STOP ${word} SQL_THREAD`);
      await act();
      for (const replica of topology.replicas) await replica.sql(`START ${word} SQL_THREAD`);
    };
    for (let n = 1; n <= 5; n++) {
      await lag(async () => {
        token = await pool.session(async () => {
          await pool.query('UPDATE t SET v = ? WHERE id = 7', [`here-${n}`]);
          return pool.exportSession();
        }, token);
        expect(token).toMatch(/^[\w.-]+$/);
        const answer = await there.ask({ token, id: 7, write: `there-${n}` });
        expect(answer).toMatchObject({ value: `here-${n}` });
        token = answer.token!;
        const [rows] = await pool.session(() => pool.query('SELECT v FROM t WHERE id = 7'), token);
        expect(rows).toEqual([{ v: `there-${n}` }]);
      });
    }

    await topology.caughtUp();
    const next = topology.replicas[0]!;
    await topology.primary.kill();
    await topology.promote(next);
    expect(await there.ask({ token, id: 7, write: 'after failover' })).toMatchObject({ value: 'there-5' });
    const answer = await there.ask({ token, id: 7 });
    expect(answer.value).toMatch(/there-5|after failover/);
    const [after] = await pool.session(
      () => pool.query('SELECT v FROM t WHERE id = 7'),
      (await there.ask({ token, id: 7, write: 'last' })).token,
    );
    expect(after).toEqual([{ v: 'last' }]);
  });

  it('does not fail on a token that is none', async () => {
    await using topology = await start();
    await using here = poolOver(topology, { sessionKeys: SESSION_KEYS });
    const { pool } = here;
    for (const token of [null, undefined, '', 'garbage', '0-0-0', `${'a'.repeat(100_000)}`, "x'; DROP TABLE t; --"]) {
      const [rows] = await pool.session(() => pool.query('SELECT COUNT(*) AS n FROM t'), token);
      expect(rows).toEqual([{ n: 0 }]);
    }
  });
});
