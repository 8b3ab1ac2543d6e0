import { EventEmitter } from 'node:events';
import { inspect } from 'node:util';
import { judgeAfter } from '../../src/adapter.js';
import type { Mesh } from '../../src/index.js';
import type { Checkout } from './cluster/checkout.js';
import { Cluster } from './cluster/cluster.js';
import type { PoolStatus } from './cluster/status.js';
import { type Consistency, type PoolSettings, type RouteChoice, readPoolOptions } from './common/options.js';
import type { TransactionOptions } from './common/transaction-options.js';
import { cleanConnection } from './connections/prepare.js';
import {
  CONNECT_TIMEOUT_MS,
  connectionConfig,
  escaping,
  type QueryCallback,
  type QueryCommand,
} from './driver/driver.js';
import { promisePool } from './driver/promise-wrappers.js';
import { tracePoolConnect } from './driver/tracing.js';
import { publicConfig, serverFigures, withoutSecrets } from './pool-config.js';
import { checkText, explainRoute, type Route, statementExplainer } from './route.js';
import { Freshness } from './session/freshness.js';
import {
  ConnectionOperation,
  executeOperation,
  type OperationContext,
  queryOperation,
  readConsistency,
  readRoute,
} from './session/operations.js';
import { Repeats } from './session/repeats.js';
import { carrySessions, sessionCarriers } from './session/session-carriers.js';
import { SessionTokens } from './session/session-token.js';
import { Runner, type RunnerContext } from './session/statement-session.js';
import { StatementTimes } from './session/statement-times.js';
import { ConsistencySession, currentScope, withScope } from './session/write-history.js';
import { Router } from './statement/router.js';
import type { Statement } from './statement/verdicts.js';
import { type TransactionHost, transaction } from './transaction.js';
import { VirtualConnection } from './virtual-connection.js';

type ConnectionCallback = (error: unknown, connection?: VirtualConnection) => void;

/** On any server. */
const LOGIN: Statement = { route: 'replica', effect: 'none', onReplica: 'yes', reason: 'asks for a login' };

/**
 * mysql2's pool over a primary and its replicas: the callback API, `promise()` for the other.
 * Extends no class of mysql2; what its users touch (the public methods, `config`, the events) is
 * the same.
 */
export class ReplicatedPool extends EventEmitter {
  readonly config: Record<string, unknown>;
  readonly #cluster: Cluster;
  readonly #unregister: () => void;
  readonly #own: PoolSettings;
  readonly #operations: OperationContext;
  readonly #runnerContext: RunnerContext;
  /** For statements of the pool's own, each a session by itself. */
  readonly #ownContext: RunnerContext;
  /**
   * For statements that belong to no other session: everything this pool wrote is seen by what it
   * reads.
   */
  readonly #session: ConsistencySession;
  readonly #tokens: SessionTokens;
  readonly #transactions: TransactionHost;
  /** Run on every new connection, and again after a reset. */
  readonly #initStatements: string[];
  readonly #cleanWithinMs: number;
  // Made once for all calls.
  readonly #acquire = (done: ConnectionCallback): void => process.nextTick(this.#acquired, done);
  readonly #acquired = (done: ConnectionCallback): void => {
    if (this._closed) {
      done(new Error('Pool is closed.'));
      return;
    }
    const connection = new VirtualConnection(this.#operations, this.#runnerContext, this.#released);
    this.#tell('acquire', connection);
    done(null, connection);
  };
  readonly #released = (connection: VirtualConnection): void => this.#tell('release', connection);
  _closed = false;

  constructor(mesh: Mesh, options: unknown) {
    super();
    const { own, pool, connection } = readPoolOptions(options);
    // Whole, so that what mysql2 refuses is refused now and not with each connection; then what may
    // be shown.
    connectionConfig(connection);
    const parsed = connectionConfig(withoutSecrets(connection));
    this.#own = own;
    this.#initStatements = [...own.initStatements];
    this.#cleanWithinMs = (connection.connectTimeout as number | undefined) || CONNECT_TIMEOUT_MS;
    const initStatements: readonly string[] = this.#initStatements;
    const cluster = new Cluster(mesh, {
      own,
      pool,
      connection,
      initStatements,
      opened: (each) => this.#tell('connection', each),
      enqueued: () => this.#tell('enqueue'),
      rolesChanged: () => {
        if (this.listenerCount('status') > 0) this.#tell('status', this.status());
      },
    });
    this.#cluster = cluster;
    this.#unregister = mesh.register({
      kind: 'mysql',
      name: own.service,
      figures: () => ({
        idle: this.#sum(({ idle }) => idle),
        busy: this.#sum(({ busy }) => busy),
        connecting: this.#sum(({ connecting }) => connecting),
        waiting: this.#sum(({ waiting }) => waiting),
        ...serverFigures(this.status()),
      }),
      topology: () => this.status(),
      explains: statementExplainer((sql) => this.route(sql)),
      // Nothing can be asked of it once the mesh is closed, and its connections would hold the
      // process.
      drain: (deadlineMs) => cluster.close(deadlineMs),
    });
    this.#session = new ConsistencySession(false, cluster.clock.now());
    this.#transactions = { clock: cluster.clock, random: mesh.random, connect: () => this.#connect() };
    this.#tokens = new SessionTokens(own.sessionKeys, own.service, own.maxLagMs, cluster.clock);
    this.config = publicConfig(pool, parsed);
    this.#operations = {
      router: new Router({
        primaryFunctions: own.primaryFunctions,
        override: own.classify,
        database: parsed.database,
        hints: own.hints,
      }),
      config: parsed,
      queryTimeoutMs: own.queryTimeoutMs,
      initStatements,
    };
    this.#runnerContext = {
      cluster,
      freshness: new Freshness(cluster, own.consistencyWaitMs),
      retryReads: own.retryReads,
      repeats: new Repeats(cluster.clock),
      times: new StatementTimes(cluster.service, cluster.clock, () => cluster.replication.flavor),
      consistency: own.consistency,
      resetOnRelease: pool.resetOnRelease,
      cleanWithinMs: this.#cleanWithinMs,
      keepsInsertId: true,
      scope: () => currentScope.getStore(),
      forThread: (threadId) => cluster.forThread(threadId),
      session: this.#session,
      clean: (checkout, done) => this.#clean(checkout, done),
    };
    const { freshness } = this.#runnerContext;
    sessionCarriers.set(this, (keys) =>
      carrySessions(new SessionTokens(keys, own.service, own.maxLagMs, cluster.clock), freshness, cluster.clock),
    );
    this.#ownContext = {
      ...this.#runnerContext,
      isSingle: true,
      acquired: ({ physical }) => this.#tell('acquire', physical.connection),
      released: ({ physical }) => this.#tell('release', physical.connection),
    };
  }

  /** Calls back with a connection at once: it finds its server with its first statement. */
  getConnection(callback: ConnectionCallback): void {
    tracePoolConnect(this.#own.service, this.#operations.config.database, this.#acquire, callback);
  }

  #connect(): Promise<VirtualConnection> {
    return new Promise((resolve, reject) => {
      this.getConnection((error, connection) => (connection === undefined ? reject(error) : resolve(connection)));
    });
  }

  /**
   * As `getConnection`, at once, for an ORM that keeps its connections for long and takes insert
   * ids from the answer: a session that calls `released` when it ends.
   */
  openConnection(released: () => void): VirtualConnection {
    return new VirtualConnection(this.#operations, { ...this.#runnerContext, keepsInsertId: false }, released);
  }

  /**
   * Calls back once a server took the login, or none did. Leaves no connection: settings for all of
   * them may follow.
   */
  verify(callback: (error: unknown) => void): void {
    if (this._allConnections.length > 0) {
      process.nextTick(callback, null);
      return;
    }
    const logIn = ({ physical }: Checkout, done: (error: unknown) => void): void => {
      physical.retired = true;
      done(null);
    };
    const runner = new Runner({ ...this.#runnerContext, isSingle: true });
    runner.run(new ConnectionOperation(LOGIN, 0, logIn, callback));
    runner.release();
  }

  /**
   * Runs on every connection that is made from now on. False, and not added, where connections
   * without it may exist already.
   */
  addInitStatement(sql: string): boolean {
    if (this.#initStatements.includes(sql)) return true;
    if (this._allConnections.length > 0) return false;
    this.#initStatements.push(sql);
    return true;
  }

  releaseConnection(connection: VirtualConnection): void {
    connection.release();
  }

  query(sql: unknown, values?: unknown, callback?: QueryCallback): QueryCommand {
    const operation = queryOperation(this.#operations, sql, values, callback);
    const runner = new Runner(this.#ownContext);
    runner.run(operation);
    runner.release();
    return operation.command;
  }

  execute(sql: unknown, values?: unknown, callback?: QueryCallback): void {
    const runner = new Runner(this.#ownContext);
    runner.run(executeOperation(this.#operations, sql, values, callback));
    runner.release();
  }

  /** Where this statement would run on a clean connection, and why. Sends nothing. */
  route(sql: string): Route {
    const statement = this.#operations.router.route(checkText(sql));
    const scope = currentScope.getStore();
    const consistency = scope?.consistency ?? this.#own.consistency;
    return explainRoute(statement, { route: scope?.route, consistency }, this.#cluster);
  }

  /**
   * Runs `run` as a new session: what it reads is never older than what it wrote or read before,
   * however many connections it takes. `token` continues a session exported elsewhere by
   * `exportSession`.
   */
  session<T>(run: () => T, token?: string | null): T {
    const session = new ConsistencySession(true, this.#cluster.clock.now());
    const mark = this.#tokens.read(token);
    if (mark !== undefined) this.#runnerContext.freshness.import(session, mark);
    return withScope('session', { session }, run);
  }

  /** Runs `run` in a transaction: see `ReplicatedPoolApi.transaction`. */
  transaction<T>(run: (connection: never) => T | Promise<T>, options?: TransactionOptions): Promise<T> {
    return transaction(this.#transactions, run, options);
  }

  /** Everything `run` does, however deep, has this consistency. */
  withConsistency<T>(consistency: Consistency, run: () => T): T {
    return withScope('withConsistency', { consistency: readConsistency(consistency, 'withConsistency') }, run);
  }

  /** Every statement of `run` that may choose goes there, but those of sessions with state. */
  withRoute<T>(route: RouteChoice, run: () => T): T {
    return withScope('withRoute', { route: readRoute(route, 'withRoute') }, run);
  }

  /**
   * The current session for a cookie or header, signed with `sessionKeys`: any process may go on
   * with it. At most 1,024 characters; empty where it did nothing yet. Throws
   * FAIRLEAD_INVALID_OPTION without `sessionKeys`.
   */
  exportSession(): string {
    const session = currentScope.getStore()?.session ?? this.#session;
    return this.#tokens.issue(this.#runnerContext.freshness.export(session));
  }

  /** What is known of each server, and where statements go, and why. */
  status(): PoolStatus {
    return this.#cluster.status();
  }

  /** Connections by endpoint id, for monitoring. */
  stats(): Readonly<Record<string, { idle: number; busy: number; connecting: number; waiting: number }>> {
    return Object.fromEntries([...this.#cluster.stats()].map(([endpoint, stats]) => [endpoint.spec.id, stats]));
  }

  /**
   * What monitors of mysql2 read: how many connections there are, are idle, and how many callers
   * wait.
   */
  get _allConnections(): { readonly length: number } {
    return { length: this.#sum(({ idle, busy, connecting }) => idle + busy + connecting) };
  }

  get _freeConnections(): { readonly length: number } {
    return { length: this.#sum(({ idle }) => idle) };
  }

  get _connectionQueue(): { readonly length: number } {
    return { length: this.#sum(({ waiting }) => waiting) };
  }

  format(sql: string, values?: unknown): string {
    const { stringifyObjects, timezone } = this.#operations.config;
    return escaping.format(sql, values, stringifyObjects, timezone);
  }

  escape(value: unknown): string {
    const { stringifyObjects, timezone } = this.#operations.config;
    return escaping.escape(value, stringifyObjects, timezone);
  }

  escapeId(value: unknown): string {
    return escaping.escapeId(value, false);
  }

  /**
   * Refuses new work and lets what runs finish, for `endTimeoutMs` at most: open transactions can
   * commit.
   */
  end(callback?: (error: unknown) => void): void {
    this._closed = true;
    this.#unregister();
    this.#cluster.close().then(
      () => callback?.(null),
      (error) => callback?.(error),
    );
  }

  /** The same pool with mysql2's promise API. */
  promise(promiseImplementation?: PromiseConstructor): unknown {
    return promisePool(this, promiseImplementation);
  }

  [Symbol.dispose](): void {
    if (!this._closed) this.end();
  }

  /** For util.inspect: what a person wants to see, and no more. */
  describe(): string {
    return `ReplicatedPool { service: ${inspect(this.#own.service)}, connections: ${inspect(this.stats())} }`;
  }

  /** As `describe`, for JSON: what else it has is configuration. */
  toJSON(): object {
    return { service: this.#own.service, connections: this.stats() };
  }

  #sum(count: (stats: { idle: number; busy: number; connecting: number; waiting: number }) => number): number {
    let sum = 0;
    for (const stats of this.#cluster.stats().values()) sum += count(stats);
    return sum;
  }

  /** A listener that throws is uncaught, as with mysql2, but stops nothing here. */
  #tell(event: string, what?: unknown): void {
    if (this.listenerCount(event) === 0) return;
    try {
      this.emit(event, what);
    } catch (thrown) {
      process.nextTick(() => {
        throw thrown;
      });
    }
  }

  /**
   * Makes a connection whose session holds state as new. Where listeners of `connection` set it up
   * it is closed: what they did would be lost by a reset.
   */
  #clean({ physical }: Checkout, done: (usable: boolean, isClean: boolean) => void): void {
    const { connection, prepared } = physical;
    if (prepared === undefined || this.listenerCount('connection') > 0) {
      physical.retired = true;
      done(true, false);
      return;
    }
    let over = false;
    const finish = (error: unknown, clean = false): void => {
      if (over) return;
      over = true;
      limit.cancel();
      connection.off('error', finish);
      if (!clean) physical.retired = true;
      physical.inbound.begin();
      done(!error, clean);
    };
    connection.on('error', finish);
    // Nobody waits for it but the place that it takes: an answer that is lost must not keep that.
    const late = (): void => finish(new Error('the clean-up of a connection was not answered'));
    const limit = judgeAfter(this.#cluster.clock, this.#cleanWithinMs, late);
    cleanConnection(connection, prepared, this.#initStatements, finish);
  }
}

// Outside the class: a computed name has no type that declarations could be made of without a
// checker.
Object.defineProperty(ReplicatedPool.prototype, inspect.custom, { value: ReplicatedPool.prototype.describe });
