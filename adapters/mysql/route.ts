import { optionReaders, type PartExplainer } from '../../src/adapter.js';
import type { Explanation } from '../../src/index.js';
import type { Cluster } from './cluster/cluster.js';
import type { Consistency, RouteChoice } from './common/options.js';
import { chooseRoute } from './session/job.js';
import type { Statement } from './statement/verdicts.js';

/** Where a statement would run, and why. */
export interface Route {
  readonly target: RouteChoice | 'same connection';
  readonly keepsSession: boolean;
  readonly reason: string;
  /**
   * The id of the server that would be picked now; undefined where none can be, and for what stays
   * on its connection. A read of a session that wrote may go on to another one, which has what it
   * wrote.
   */
  readonly server: string | undefined;
  /** Why that server; undefined where none is picked: no server is known, or one was named. */
  readonly explanation: Explanation | undefined;
}

/** What holds for the statement beside its text. */
export interface RouteScope {
  readonly route: RouteChoice | undefined;
  readonly consistency: Consistency;
}

/** What `route` was asked about. */
export function checkText(sql: unknown): string {
  if (typeof sql === 'string') return sql;
  throw optionReaders.invalidOption('route', sql, 'the text of a statement');
}

/** Sends nothing, and takes no connection. */
export function explainRoute(statement: Statement, scope: RouteScope, cluster: Cluster): Route {
  const { effect } = statement;
  const keepsSession = effect !== 'none' && effect !== 'end' && effect !== 'insert_id';
  const chosen = chooseRoute(statement, undefined, scope.route, scope.consistency);
  const reason = reasonFor(statement, chosen, scope.route);
  if (chosen === 'same') {
    return { target: 'same connection', keepsSession, reason, server: undefined, explanation: undefined };
  }
  const explanation = typeof chosen === 'object' ? undefined : cluster.explain(chosen);
  const server = typeof chosen === 'object' ? chosen.endpoint : explanation?.chosen;
  return { target: chosen, keepsSession, reason, server, explanation };
}

/** For forms: the same of a statement that somebody typed. */
export function statementExplainer(route: (sql: string) => Route): PartExplainer {
  return {
    fields: ['sql'],
    takesHeaders: false,
    explain: ({ values: { sql } }) => {
      if (sql === undefined) throw optionReaders.invalidOption('sql', sql, 'a statement');
      return route(sql);
    },
  };
}

function reasonFor(
  { route, reason }: Statement,
  chosen: RouteChoice | 'same',
  inScope: RouteChoice | undefined,
): string {
  if (inScope !== undefined && chosen === inScope) return 'withRoute says so';
  return route === 'replica' && chosen === 'primary' && !/hint|option/.test(reason) ? 'strong consistency' : reason;
}
