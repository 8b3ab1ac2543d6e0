import { outcomeName } from 'fairlead/adapter';
import { describe, expect, it } from 'vitest';
import { meaningOf } from '../../../../adapters/mysql/common/errors.js';

const error = (fields: Record<string, unknown>, message = 'x'): Error => Object.assign(new Error(message), fields);
const judged = (thrown: unknown, connecting = false): string => {
  const { outcome, connectionUsable, effect, demoted } = meaningOf(thrown, connecting);
  return `${outcomeName(outcome)} ${connectionUsable ? 'keep' : 'close'} ${effect}${demoted ? ' demoted' : ''}`;
};

describe('errors of mysql2', () => {
  it.each([
    ['a duplicate key', error({ code: 'ER_DUP_ENTRY', errno: 1062 }), 'application_error keep executed'],
    ['a syntax error', error({ code: 'ER_PARSE_ERROR', errno: 1064 }), 'application_error keep executed'],
    ['a deadlock', error({ code: 'ER_LOCK_DEADLOCK', errno: 1213 }), 'application_error keep executed'],
    ['a write in a read-only transaction', error({ errno: 1792 }), 'application_error keep executed'],
    [
      'a write on a replica',
      error({ errno: 1290 }, 'running with the --read-only option'),
      'application_error keep not_executed demoted',
    ],
    [
      'a write on a super_read_only server',
      error({ errno: 1290 }, 'with the --super-read-only option'),
      'application_error keep not_executed demoted',
    ],
    [
      '1290 for another option',
      error({ errno: 1290 }, 'running with the --secure-file-priv option'),
      'application_error keep executed',
    ],
    [
      'read-only mode',
      error({ errno: 1836 }, 'Running in read-only mode'),
      'application_error keep not_executed demoted',
    ],
    ['too many connections', error({ code: 'ER_CON_COUNT_ERROR', errno: 1040 }), 'overloaded close not_executed'],
    ['shutdown in progress', error({ code: 'ER_SERVER_SHUTDOWN', errno: 1053 }), 'failure close unknown'],
    ['a lost connection', error({ code: 'PROTOCOL_CONNECTION_LOST', fatal: true }), 'failure close unknown'],
    ['a killed query on MariaDB', error({ errno: 1317 }), 'application_error keep executed'],
    [
      'a command on a closed connection',
      error({ fatal: true }, "Can't add new command when connection is in closed state"),
      'cancelled close not_executed',
    ],
    ['the idle timeout of MySQL 9', error({ code: 4031 }), 'cancelled close not_executed'],
    ['offline mode', error({ errno: 3032 }), 'connect_failure close not_executed'],
    [
      'a Galera node that is not in step',
      error({ errno: 1047 }, 'WSREP has not yet prepared node for application use'),
      'connect_failure close not_executed',
    ],
    [
      'a command that the server does not know',
      error({ errno: 1047 }, 'Unknown command'),
      'application_error keep executed',
    ],
    ['a query timeout', error({ code: 'PROTOCOL_SEQUENCE_TIMEOUT' }), 'timeout close unknown'],
    [
      'no right to a database',
      error({ code: 'ER_DBACCESS_DENIED_ERROR', errno: 1044 }),
      'application_error keep executed',
    ],
    ['no right to a file', error({ code: 'ER_ACCESS_DENIED_ERROR', errno: 1045 }), 'application_error keep executed'],
    ['an exhausted quota', error({ code: 'ER_USER_LIMIT_REACHED', errno: 1226 }), 'application_error keep executed'],
    [
      'a refused change of the user',
      error({ code: 'ER_ACCESS_DENIED_ERROR', errno: 1045, fatal: true }),
      'application_error close not_executed',
    ],
    ['a reset socket', error({ code: 'ECONNRESET', fatal: true }), 'failure close unknown'],
    ['a bug in the driver', new TypeError('undefined is not a function'), 'application_error keep executed'],
  ])('%s', (_, thrown, expected) => expect(judged(thrown)).toBe(expected));

  it.each([
    ['refused', error({ code: 'ECONNREFUSED', errno: -111, fatal: true }), 'connect_failure close not_executed'],
    [
      'no handshake in time',
      error({ code: 'ETIMEDOUT', errno: undefined, fatal: true }),
      'connect_failure close not_executed',
    ],
    [
      'lost in the handshake',
      error({ code: 'PROTOCOL_CONNECTION_LOST', fatal: true }),
      'connect_failure close not_executed',
    ],
    [
      'a wrong password',
      error({ code: 'ER_ACCESS_DENIED_ERROR', errno: 1045 }),
      'application_error close not_executed',
    ],
    [
      'a login in clear text that is not allowed',
      error({ code: 'MYSQL_CLEAR_PASSWORD_NOT_ENABLED', fatal: true }),
      'application_error close not_executed',
    ],
    [
      'a plugin that refused',
      error({ code: 'AUTH_SWITCH_PLUGIN_ERROR', fatal: true }),
      'application_error close not_executed',
    ],
    ['no right to the database', error({ errno: 1044, fatal: true }), 'application_error close not_executed'],
    ['an exhausted quota', error({ errno: 1226, fatal: true }), 'overloaded close not_executed'],
    ['an unknown database', error({ code: 'ER_BAD_DB_ERROR', errno: 1049 }), 'application_error close not_executed'],
    ['too many connections', error({ errno: 1040 }), 'overloaded close not_executed'],
  ])('while connecting: %s', (_, thrown, expected) => expect(judged(thrown, true)).toBe(expected));
});
