import { FIRST_KEYWORD } from './lexer.js';

/** Words that decide where a statement may run; those from `get_lock` on may be quoted. */
// biome-ignore format: a word list reads better packed
export const names = [
  // What a statement begins with.
  'select', 'with', 'table', 'values', 'show', 'describe', 'desc', 'explain', 'help', 'set', 'use', 'begin', 'start',
  'commit', 'rollback', 'savepoint', 'release', 'call', 'do', 'prepare', 'execute', 'deallocate', 'handler', 'lock',
  'unlock', 'xa', 'create', 'drop', 'flush', 'backup', 'get', 'kill', 'declare',
  // What changes the meaning further on.
  'insert', 'update', 'delete', 'replace', 'into', 'for', 'share', 'sql_calc_found_rows', 'returning', 'next',
  'previous', 'value', 'procedure', 'temporary', 'transaction', 'read', 'only', 'to', 'and', 'chain', 'not', 'no',
  'work', 'atomic', 'connection', 'no_chain', 'rowcount', 'snapshot',
  // SHOW of what every server has alike, and of what the session's last statement left.
  'tables', 'columns', 'fields', 'databases', 'schemas', 'index', 'indexes', 'keys', 'full', 'extended', 'collation',
  'character', 'triggers', 'events', 'warnings', 'errors', 'count',
  // Functions of user-level locks.
  'get_lock', 'release_lock', 'release_all_locks', 'is_free_lock', 'is_used_lock', 'service_get_read_locks',
  'service_get_write_locks', 'service_release_locks', 'version_tokens_lock_shared', 'version_tokens_lock_exclusive',
  'version_tokens_unlock',
  // Functions whose answer belongs to one session.
  'last_insert_id', 'found_rows', 'row_count', 'connection_id', 'ps_current_thread_id',
  // Functions of sequences.
  'nextval', 'lastval', 'setval', 'currval',
  // Functions of one server: its files, its position, its settings (MySQL Reference Manual,
  // "Loadable Function Reference").
  'load_file', 'sys_exec', 'sys_eval', 'sys_get', 'master_pos_wait', 'source_pos_wait', 'master_gtid_wait',
  'wait_for_executed_gtid_set', 'wait_until_sql_thread_after_gtids', 'binlog_gtid_pos',
  'asynchronous_connection_failover_add_managed', 'asynchronous_connection_failover_add_source',
  'asynchronous_connection_failover_delete_managed', 'asynchronous_connection_failover_delete_source',
  'asynchronous_connection_failover_reset', 'group_replication_disable_member_action',
  'group_replication_enable_member_action', 'group_replication_reset_member_actions',
  'group_replication_set_as_primary', 'group_replication_set_communication_protocol',
  'group_replication_set_write_concurrency', 'group_replication_switch_to_multi_primary_mode',
  'group_replication_switch_to_single_primary_mode', 'keyring_key_generate', 'keyring_key_remove',
  'keyring_key_store', 'version_tokens_set', 'version_tokens_edit', 'version_tokens_delete',
  // Schemas about one server; of information_schema some tables.
  'performance_schema', 'sys', 'mysql', 'information_schema',
] as const;

type Name = (typeof names)[number];
/** Each keyword's token, by its name. */
export const K = Object.fromEntries(names.map((name, index) => [name, FIRST_KEYWORD + index])) as Record<Name, number>;
