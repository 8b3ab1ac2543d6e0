import type { ExecuteValues, FieldPacket, Query, QueryError, QueryOptions, QueryResult, QueryValues } from 'mysql2';
import type { PoolConnection as PromisePoolConnection } from 'mysql2/promise';
import type { PoolStatus } from './cluster/status.js';
import type { Consistency, RouteChoice } from './common/options.js';
import type { TransactionOptions } from './common/transaction-options.js';
import type { ReplicatedPool } from './pool.js';
import type { Route } from './route.js';

/** A query of mysql2 with what it asks of this pool: `pool.query({ sql, route: 'primary' })`. */
export interface RoutedQueryOptions extends QueryOptions {
  /** Where it goes: before what holds for the context or the pool. */
  readonly route?: RouteChoice;
  readonly consistency?: Consistency;
}

/** What fairlead adds to the pool of mysql2. */
export interface ReplicatedPoolApi {
  /**
   * Where a statement would run on a clean connection, on which server, and why. Sends nothing, and
   * takes no connection.
   */
  route(sql: string): Route;
  /**
   * Runs `run` as a session of its own, or as one that goes on: `token` is what `exportSession`
   * returned, in any process that has the same `sessionKeys`. Anything else counts as none.
   */
  session<T>(run: () => T, token?: string | null): T;
  /**
   * The current session as a token for `session`: what it wrote and read, signed; at most 1,024
   * letters, digits, `.`, `-` and `_`. Empty where it did nothing yet. Throws
   * FAIRLEAD_INVALID_OPTION without `sessionKeys`.
   */
  exportSession(): string;
  /**
   * Runs `run` in a transaction of its own connection: commits what it did once it resolves, and
   * rolls it back where it rejects. Where the server gave it up (a deadlock, a lock that was not to
   * be had, a conflict within a group, a demoted primary) `run` is called again, from the
   * beginning, `retries` times at most: it must do nothing outside the transaction that may not be
   * done twice. A connection that was lost is not such a case: the COMMIT may have happened
   * (`ambiguous`).
   */
  transaction<T>(
    run: (connection: RoutedPromiseConnection & PromisePoolConnection) => T | Promise<T>,
    options?: TransactionOptions,
  ): Promise<T>;
  /** All that `run` does has this consistency. */
  withConsistency<T>(consistency: Consistency, run: () => T): T;
  /**
   * All that `run` does goes there, where it may choose. On a server that is named by its
   * endpoint's id, nothing else is looked at: neither whether it is well nor how far behind it is.
   */
  withRoute<T>(route: RouteChoice, run: () => T): T;
  /**
   * Each server's role, lag and position, where reads and writes go now, and why. A `status` event
   * with the same is emitted whenever a role changes, or where statements go.
   */
  status(): PoolStatus;
  on(event: 'status', listener: (status: PoolStatus) => void): this;
  /** Connections by endpoint id. */
  stats(): ReturnType<ReplicatedPool['stats']>;
}

type QueryCallback<T> = (error: QueryError | null, result: T, fields: FieldPacket[]) => unknown;

/** `query` and `execute` of the callback API, with `route` and `consistency`. */
export interface RoutedQueries {
  query<T extends QueryResult>(options: RoutedQueryOptions, callback?: QueryCallback<T>): Query;
  query<T extends QueryResult>(options: RoutedQueryOptions, values: QueryValues, callback?: QueryCallback<T>): Query;
  execute<T extends QueryResult>(options: RoutedQueryOptions, callback?: QueryCallback<T>): Query;
  execute<T extends QueryResult>(
    options: RoutedQueryOptions,
    values: ExecuteValues,
    callback?: QueryCallback<T>,
  ): Query;
}

/** What a connection from `getConnection` has beside mysql2's, in the callback API. */
export interface RoutedConnection extends RoutedQueries {
  /**
   * Ends the statement that runs now, by KILL QUERY on its server and beside the pool's limit; one
   * that waits for a connection is not sent at all. Calls back, once the server has answered, with
   * whether there was one. The statement itself fails with ER_QUERY_INTERRUPTED, or with
   * FAIRLEAD_CANCELLED where it was not sent; the session goes on.
   */
  cancel(callback?: (error: QueryError | null, cancelled?: boolean) => void): void;
}

/** `query` and `execute` of the promise API, with `route` and `consistency`. */
export interface RoutedPromiseQueries {
  query<T extends QueryResult>(options: RoutedQueryOptions, values?: QueryValues): Promise<[T, FieldPacket[]]>;
  execute<T extends QueryResult>(options: RoutedQueryOptions, values?: ExecuteValues): Promise<[T, FieldPacket[]]>;
}

/** What a connection from `getConnection` has beside mysql2's, in the promise API. */
export interface RoutedPromiseConnection extends RoutedPromiseQueries {
  /**
   * Ends the statement that runs now, by KILL QUERY on its server and beside the pool's limit; one
   * that waits for a connection is not sent at all. Resolves, once the server has answered, with
   * whether there was one. The statement itself rejects with ER_QUERY_INTERRUPTED, or with
   * FAIRLEAD_CANCELLED where it was not sent; the session goes on.
   */
  cancel(): Promise<boolean>;
}
