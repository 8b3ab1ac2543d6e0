import { expect } from 'vitest';
import { GtidPosition, GtidToken } from '../../../adapters/mysql/cluster/gtid.js';
import { gtidsOf, isPacket } from '../../../adapters/mysql/session/ok-packet.js';
import { classify } from '../../../adapters/mysql/statement/classify.js';
import type { FuzzTarget } from '../target.js';

const options = { primaryFunctions: new Set(['next_id']) };
const SOURCE = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const WRITES = /^\s*(insert|update|delete|replace|create|drop|alter|truncate|grant|set)\b/i;

export const mysql: readonly FuzzTarget[] = [
  {
    name: 'sql',
    examples: [
      'SELECT * FROM t WHERE a = ? ORDER BY b LIMIT 3',
      "WITH c AS (SELECT 'it''s' FROM d) SELECT /*+ hint */ x FROM c -- end",
      'INSERT INTO t VALUES (1, "a\\"b") ON DUPLICATE KEY UPDATE a = 2',
      'SELECT 1 INTO OUTFILE "/tmp/a"; SELECT next_id()',
      'EXPLAIN ANALYZE SELECT `a` FROM t FOR UPDATE',
    ],
    words: [
      '/*',
      '*/',
      '/*!50000 ',
      '/*M! ',
      '-- ',
      '--\x7f',
      '#',
      ';',
      "''",
      '\\',
      '`',
      'SELECT',
      'FOR UPDATE',
      'INTO',
      'GET_LOCK(',
      '(',
      ')',
      '\xa0',
    ],
    read(input) {
      const sql = input.toString();
      const { onReplica } = classify(sql, options);
      // A statement that begins with what writes is never a replica's, whatever comes after it.
      if (WRITES.test(sql)) expect(onReplica).not.toBe(true);
      // A write that is put behind it is seen, unless it is text or comment to both servers.
      expect(classify(`${sql}`, options).onReplica).toBe(onReplica);
    },
  },
  {
    name: 'mysql-gtids',
    examples: [`${SOURCE}:1-5:7`, `${SOURCE}:tag:1-3,\n${SOURCE}:9`, '0-1-77,1-2-3'],
    words: [SOURCE, ':', '-', ',', '1-', '-1', '0-0-0', '5-1'],
    read(input) {
      const text = input.toString();
      const position = GtidPosition.parse(text);
      const token = new GtidToken();
      token.add(text);
      expect(position.includes(position)).toBe(true);
      // Servers count to 2^63; a number keeps 53 bits, which a transaction a microsecond fills in
      // 285 years.
      if (!/\d{16}/.test(text)) expect(GtidPosition.parse(position.newest).newest).toBe(position.newest);
    },
  },
  {
    name: 'mysql-ok-packet',
    examples: [
      JSON.stringify({
        affectedRows: 1,
        insertId: 0,
        serverStatus: 2,
        warningStatus: 0,
        stateChanges: { gtids: [`${SOURCE}:1`], systemVariables: { last_gtid: '0-1-1' }, schema: 'a' },
      }),
    ],
    words: ['"gtids":null', '"gtids":"x"', '"stateChanges":null', '"systemVariables":[]', '"last_gtid":1'],
    refusal: (error) => error instanceof SyntaxError,
    read(input) {
      const value: unknown = JSON.parse(input.toString());
      return isPacket(value) ? gtidsOf(value) : undefined;
    },
  },
];
