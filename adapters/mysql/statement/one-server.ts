/**
 * Tables of information_schema whose rows are one server's: what runs on it, its buffers and files,
 * its counters and settings (MySQL and MariaDB reference manuals, "INFORMATION_SCHEMA Tables").
 */
const SERVER_TABLE: RegExp = new RegExp(
  `^(?:${[
    'processlist|files|tablespaces|engines|plugins|all_plugins|system_variables|resource_groups',
    '(?:innodb|xtradb|rocksdb|tokudb|global|thread_pool|tidb|cluster)_\\w+',
    '(?:user|client|index|table)_statistics|metadata_lock_info|query_cache_info|key_caches',
    'query_response_time\\w*|locales|feedback',
  ].join('|')})$`,
);

const SESSION_TABLES: ReadonlySet<string> = new Set([
  'session_status',
  'session_variables',
  'profiling',
  'optimizer_trace',
]);

/** What a table of information_schema is about, by its name in lower case. */
export function informationAbout(table: string): 'server' | 'session' | 'schema' {
  if (SESSION_TABLES.has(table)) return 'session';
  return SERVER_TABLE.test(table) ? 'server' : 'schema';
}

/** Whether all tables of a schema are about one server. Of information_schema it is not known. */
export function isServerSchema(schema: unknown): boolean {
  return typeof schema === 'string' && SERVER_SCHEMAS.has(schema.toLowerCase());
}

const SERVER_SCHEMAS: ReadonlySet<string> = new Set(['performance_schema', 'sys', 'mysql', 'information_schema']);

/**
 * The thread id that KILL or EXPLAIN FOR CONNECTION names from `at` on in its text, or as its first
 * value. Undefined where it is an expression, or not a thread's (MariaDB's KILL QUERY ID and KILL
 * USER).
 */
export function threadNamedIn(sql: string, at: number, values: unknown): number | undefined {
  THREAD.lastIndex = at;
  const named = THREAD.exec(sql)?.[1];
  if (named === undefined) return undefined;
  const id = Number(named === '?' ? (Array.isArray(values) ? values[0] : values) : named);
  return Number.isSafeInteger(id) && id > 0 ? id : undefined;
}

const THREAD = /\s+(?:hard\s+|soft\s+)?(?:connection\s+|query\s+)?(\d+|\?)/iy;
