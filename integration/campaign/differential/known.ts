/** What is compared otherwise, because it is not the same by design, and where its page says so. */
export interface KnownDifference {
  readonly page: string;
  readonly section: string;
  /** Words of the page. */
  readonly says: string;
}

const MYSQL = { page: 'docs/mysql.md', section: 'What differs from mysql2' };
const REDIS = { page: 'docs/redis.md', section: 'What differs from ioredis' };
const GRPC = { page: 'docs/grpc.md', section: 'What differs from grpc-js' };
const CONNECT = { page: 'docs/connect.md', section: 'What differs from connect-node' };

/** A difference that is not one of these fails its test. */
export const KNOWN: readonly KnownDifference[] = [
  { ...MYSQL, says: 'keep no state between calls' },
  { ...MYSQL, says: 'changeUser()` as well' },
  { ...MYSQL, says: 'finds its server with its first statement' },
  { ...MYSQL, says: 'no arguments beyond its last that means something' },
  { ...MYSQL, says: 'is no event of what `getConnection()` gives' },
  { ...MYSQL, says: '`charsetNumber` does not follow `SET NAMES`' },
  { ...MYSQL, says: 'gives its connection back before its `end`' },
  { ...MYSQL, says: '`stateChanges` of an answer has more' },
  { ...REDIS, says: 'The events `close` and `end` come before the answer to `quit()`' },
  { ...REDIS, says: '`select()` changes `redis.options.db`' },
  { ...REDIS, says: '`reconnecting` tells no delay' },
  { ...REDIS, says: 'at the event `close` the status is `close`' },
  { ...GRPC, says: 'What is over is not sent' },
  { ...GRPC, says: 'of another call are taken out' },
  { ...GRPC, says: 'DEADLINE_EXCEEDED says in other words' },
  { ...CONNECT, says: "says so in fairlead's words" },
];
