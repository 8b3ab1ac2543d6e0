import { createMesh, staticResolver } from 'fairlead';
import { createPool as createOurs } from 'fairlead/mysql';
import { createPool as createTheirs } from 'mysql2';
import { SQL_USERS, type SqlServer, type SqlTopology } from '../../../harness/index.js';
import { Heard } from '../heard.js';
import type { Pairing, Script, Side, Transcript } from '../script.js';
import { MysqlPlayer, withFunctions } from './player.js';
import { mysqlScript } from './script.js';

const TABLES = [
  'DROP DATABASE IF EXISTS test',
  'CREATE DATABASE test',
  'USE test',
  'CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(400) CHARACTER SET utf8mb4)',
  "INSERT INTO t (v) VALUES ('one'), ('zwei ä€😀'), (NULL)",
  'CREATE TABLE loose (id INT AUTO_INCREMENT PRIMARY KEY, v TEXT CHARACTER SET utf8mb4) ENGINE = MyISAM',
  `CREATE TABLE types (i BIGINT, u BIGINT UNSIGNED, n DECIMAL(20, 5), d DOUBLE, f FLOAT, b BIT(9), t TINYINT(1), y YEAR, da DATE,
    dt DATETIME(6), ti TIME(2), ts TIMESTAMP NULL, c CHAR(3) CHARACTER SET latin1, bl BLOB, e ENUM('x', 'ü'), s SET('a', 'b'), j JSON, g POINT)`,
  `INSERT INTO types VALUES (-9223372036854775808, 18446744073709551615, 123456789012345.67890, 1e300, 1.5, b'101010101', 1, 2024, '2024-02-29',
    '2024-02-29 01:02:03.456789', '-838:59:59.00', '2024-03-31 02:30:00', 'é', X'00FF80', 'ü', 'a,b', '{"a": [1, "ä", null]}', ST_GeomFromText('POINT(1 2)'))`,
  "INSERT INTO types (dt, da, i) VALUES ('0001-01-01 00:00:00', NULL, 9007199254740993)",
  'CREATE PROCEDURE two(IN n INT) BEGIN SELECT n AS a; SELECT id FROM t WHERE id <= n ORDER BY id; END',
].join(';\n');

/** A pool beside mysql2's, over one server. */
export function mysqlPairing(name: string, topology: SqlTopology<SqlServer>): Pairing {
  const server = topology.primary;
  return {
    name,
    script: mysqlScript,
    async play(side: Side, { options, steps }: Script): Promise<Transcript> {
      await server.sql(TABLES);
      const heard = new Heard(read);
      const mesh = createMesh({
        resolver: staticResolver({ mysql: [{ id: 'db0', host: server.host, port: server.port }] }),
      });
      const common = { ...SQL_USERS.app, database: 'test', ...withFunctions(options) };
      const pool =
        side === 'plain'
          ? createTheirs({ ...common, host: server.host, port: server.port })
          : createOurs(mesh, { ...common, service: 'mysql', endTimeoutMs: 300 } as never);
      try {
        const player = new MysqlPlayer(pool, heard, side === 'plain');
        for (const event of ['acquire', 'release', 'enqueue'] as const) {
          pool.on(event as 'acquire', (...args: unknown[]) => {
            if (!player.quiet) heard.tell(`pool ${event}`, args.length);
          });
        }
        for (const step of steps) if (!(await heard.ended(() => player.play(step)))) break;
        return heard.transcript;
      } finally {
        await Promise.race([
          new Promise((resolve) => pool.end(resolve)),
          new Promise((resolve) => setTimeout(resolve, 1_000)),
        ]);
        await mesh.close({ deadlineMs: 100 });
      }
    },
  };
}

function read(value: object): object | undefined {
  if (value instanceof Error) {
    const { code, errno, sqlState, sqlMessage, sql, fatal } = value as unknown as Record<string, unknown>;
    return { error: value.name, message: value.message, code, errno, sqlState, sqlMessage, sql, fatal };
  }
  // A column is decoded when it is read.
  if ('columnLength' in value && '_buf' in value) {
    const {
      name,
      orgName,
      table,
      orgTable,
      schema,
      columnType,
      flags,
      characterSet,
      encoding,
      decimals,
      columnLength,
    } = value as never;
    return {
      name,
      orgName,
      table,
      orgTable,
      schema,
      columnType,
      flags,
      characterSet,
      encoding,
      decimals,
      columnLength,
    };
  }
  if ('serverStatus' in value && !(STATUS in value)) return answerOf(value as Record<string, unknown>);
  return undefined;
}

const STATUS = Symbol('was read');
/** The server says with it that the answer has `stateChanges`. */
const SESSION_STATE_CHANGED = 0x4000;

/** Known difference: answers tell of more `stateChanges`, as the pool asks for positions. */
function answerOf({ stateChanges: _, serverStatus, ...answer }: Record<string, unknown>): object {
  return { ...answer, serverStatus: Number(serverStatus) & ~SESSION_STATE_CHANGED, [STATUS]: true };
}
