/** What statements of MySQL and MariaDB begin with. */
const KNOWN: ReadonlySet<string> = new Set(
  (
    'ALTER ANALYZE BACKUP BEGIN BINLOG CACHE CALL CHANGE CHECK CHECKSUM COMMIT CREATE DEALLOCATE DELETE DESC DESCRIBE DO ' +
    'DROP EXECUTE EXPLAIN FLUSH GET GRANT HANDLER HELP IMPORT INSERT INSTALL KILL LOAD LOCK OPTIMIZE PREPARE PURGE RELEASE ' +
    'RENAME REPAIR REPLACE RESET RESIGNAL RESTART REVOKE ROLLBACK SAVEPOINT SELECT SET SHOW SHUTDOWN SIGNAL START STOP ' +
    'TABLE TRUNCATE UNINSTALL UNLOCK UPDATE USE VALUES WITH XA'
  ).split(' '),
);
const OTHER = '_OTHER';
const WORD = /[a-z]+/iy;
const SPACE = 32;
const PARENTHESIS = 40;

/**
 * The name of a statement for metrics: the word that it begins with, of a fixed list, as texts come
 * from callers. O(what is before the word).
 */
export function operationName(sql: string): string {
  let at = 0;
  for (;;) {
    const code = sql.charCodeAt(at);
    if (code <= SPACE || code === PARENTHESIS) at++;
    else if (sql.startsWith('/*', at)) at = after(sql, '*/', at + 2);
    else if (sql.startsWith('--', at) || sql.startsWith('#', at)) at = after(sql, '\n', at);
    else break;
  }
  WORD.lastIndex = at;
  const word = WORD.exec(sql)?.[0].toUpperCase();
  return word !== undefined && KNOWN.has(word) ? word : OTHER;
}

/** Past the next `what`, or past the end. */
function after(sql: string, what: string, from: number): number {
  const at = sql.indexOf(what, from);
  return at === -1 ? sql.length : at + what.length;
}
