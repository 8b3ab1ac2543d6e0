import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import type { Mesh } from '../../src/index.js';
import { type Checkout, Cluster } from './cluster.js';
import { connectionConfig, type DriverConnection, escaping, type QueryCallback, type QueryCommand } from './driver.js';
import { Freshness } from './freshness.js';
import { executeOperation, type OperationContext, queryOperation, readArguments } from './operations.js';
import { type Consistency, type ReadPoolOptions, readPoolOptions } from './options.js';
import { Runner, type RunnerContext } from './runner.js';
import { ConsistencySession, currentSession } from './session.js';
import { Router } from './statement/router.js';
import { VirtualConnection } from './virtual-connection.js';

/** Where a statement would run, and why. */
export interface Route {
  readonly target: 'primary' | 'replica' | 'same connection';
  readonly keepsSession: boolean;
  readonly reason: string;
}

/**
 * mysql2's pool over a primary and its replicas: the callback API, `promise()` for the other. Extends no class of
 * mysql2; what its users touch (the public methods, `config`, the events) is the same.
 */
export class ReplicatedPool extends EventEmitter {
  readonly config: Record<string, unknown>;
  readonly cluster: Cluster;
  readonly #own: ReadPoolOptions;
  readonly #operations: OperationContext;
  readonly #runnerContext: RunnerContext;
  /** The session of statements that belong to no other: everything this pool wrote is seen by what it reads. */
  readonly #session: ConsistencySession = new ConsistencySession(false);
  _closed = false;

  constructor(mesh: Mesh, options: unknown) {
    super();
    const { own, pool, connection } = readPoolOptions(options);
    this.#own = own;
    this.cluster = new Cluster(mesh, { own, pool, connection });
    const parsed = connectionConfig({ ...connection });
    this.config = { connectionConfig: parsed, ...pool };
    this.#operations = {
      router: new Router({ primaryFunctions: own.primaryFunctions, override: own.classify }),
      config: parsed,
      queryTimeoutMs: own.queryTimeoutMs,
    };
    this.#runnerContext = {
      cluster: this.cluster,
      freshness: new Freshness(this.cluster, own.consistencyWaitMs),
      retryReads: own.retryReads,
      consistency: () => this.#consistency(),
      session: () => currentSession.getStore() ?? this.#session,
      clean: (checkout, done) => this.#clean(checkout, done),
    };
    this.cluster.on('connection', (each: DriverConnection) => this.emit('connection', each));
    this.cluster.on('enqueue', () => this.emit('enqueue'));
  }

  /** Calls back with a connection at once: it finds its server with its first statement. */
  getConnection(callback: (error: unknown, connection?: VirtualConnection) => void): void {
    process.nextTick(() => {
      if (this._closed) {
        callback(new Error('Pool is closed.'));
        return;
      }
      const connection = new VirtualConnection(this.#operations, this.#runnerContext, (each) =>
        this.emit('release', each),
      );
      this.emit('acquire', connection);
      callback(null, connection);
    });
  }

  releaseConnection(connection: VirtualConnection): void {
    connection.release();
  }

  query(sql: unknown, values?: unknown, callback?: QueryCallback): QueryCommand {
    const read = readArguments(values, callback);
    const { operation, command } = queryOperation(this.#operations, sql, read.values, read.callback);
    const runner = new Runner(this.#runnerContext);
    runner.run(operation);
    runner.release();
    return command;
  }

  execute(sql: unknown, values?: unknown, callback?: QueryCallback): void {
    const read = readArguments(values, callback);
    const runner = new Runner(this.#runnerContext);
    runner.run(executeOperation(this.#operations, sql, read.values, read.callback));
    runner.release();
  }

  /** Where this statement would run on a clean connection, and why. Sends nothing. */
  route(sql: string): Route {
    const { route, effect, reason } = this.#operations.router.route(sql);
    const target = route === 'same' ? 'same connection' : this.#consistency() === 'strong' ? 'primary' : route;
    return { target, keepsSession: effect !== 'none' && effect !== 'end', reason };
  }

  /**
   * Runs `run` as a session of its own: what it reads is never older than what it wrote or read before, however many
   * connections it takes. `token` continues a session exported elsewhere by `exportSession`.
   */
  session<T>(run: () => T, token?: string): T {
    return currentSession.run(new ConsistencySession(true, token), run);
  }

  /** The position of the current session, for a cookie or header: any process may continue it. Empty before a write. */
  exportSession(): string {
    return (currentSession.getStore() ?? this.#session).token.toString();
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

  /** Refuses new work and lets what runs finish: open transactions can commit. */
  end(callback?: (error: unknown) => void): void {
    this._closed = true;
    this.cluster.close().then(
      () => callback?.(null),
      (error) => callback?.(error),
    );
  }

  /** The same pool with mysql2's promise API. */
  promise(promiseImplementation?: PromiseConstructor): unknown {
    const { PromisePool } = createRequire(import.meta.url)('mysql2/promise') as {
      PromisePool: new (pool: unknown, promise?: unknown) => unknown;
    };
    return new PromisePool(this, promiseImplementation);
  }

  [Symbol.dispose](): void {
    if (!this._closed) this.end();
  }

  #consistency(): Consistency {
    return this.#own.consistency;
  }

  /**
   * Resets a connection whose session holds state, unless listeners of `connection` set it up: what they did would be
   * lost by a reset, so such a connection is closed.
   */
  #clean(checkout: Checkout, done: (usable: boolean) => void): void {
    if (this.listenerCount('connection') > 0) {
      done(false);
      return;
    }
    checkout.physical.connection.reset((error) => {
      if (error) done(false);
      else this.cluster.prepare(checkout.endpoint, checkout.physical.connection, (failed) => done(!failed));
    });
  }
}
