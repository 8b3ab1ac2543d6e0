import { EventEmitter } from 'node:events';
import type { DriverConnection, QueryCallback, QueryCommand } from '../../adapters/mysql/driver/driver.js';

/**
 * A MySQL server for tests without one: what its connections answer, by its fields as they are at
 * that moment.
 */
export class FakeMysql {
  readOnly: boolean;
  innodbReadOnly = false;
  /** A variable that it does not know. */
  unknownVariable: string | undefined;
  /** Of its transactions, the last. */
  transactions = 1;
  /** Positions beyond those, as they are written. */
  further = '';
  /** What it says of itself to whoever looks at it. */
  identity = '';
  source = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
  /** Connections of other processes that look at it. */
  looking = 0;
  /** New connections fail with this; undefined: they are accepted. */
  refusal: Error | undefined;
  /** Answers nothing and accepts no connection, until it goes on by `resume`. */
  hangs = false;
  /** Every connection that was opened, in order. */
  readonly connections: FakeConnection[] = [];
  /** Statements it got, in order. */
  readonly statements: string[] = [];
  readonly #held: (() => void)[] = [];

  constructor(readOnly: boolean) {
    this.readOnly = readOnly;
  }

  get open(): number {
    return this.connections.filter(({ stream }) => !stream.destroyed).length;
  }

  /** What a statement is answered with. */
  answer(sql: string): unknown {
    if (this.unknownVariable !== undefined && sql.includes(this.unknownVariable)) {
      return Object.assign(new Error('Unknown system variable'), { errno: 1193, code: 'ER_UNKNOWN_SYSTEM_VARIABLE' });
    }
    if (sql.includes('read_only') && !sql.includes('position')) return [{ readOnly: this.readOnly ? 1 : 0 }];
    if (sql.includes('read_only')) {
      return [
        {
          readOnly: this.readOnly ? 1 : 0,
          innodbReadOnly: this.innodbReadOnly ? 1 : 0,
          identity: this.identity,
          position: `${this.source}:1-${this.transactions}${this.further}`,
        },
      ];
    }
    if (sql.includes('information_schema.processlist')) return [{ looking: this.looking + 1 }];
    return { affectedRows: 0, insertId: 0, serverStatus: 2, warningStatus: 0 };
  }

  /** It goes on after it hung: what waits is answered now. */
  resume(): void {
    this.hangs = false;
    for (const go of this.#held.splice(0)) go();
  }

  /** Runs `go` in a moment, or once the server goes on. */
  soon(go: () => void): void {
    queueMicrotask(() => {
      if (this.hangs) this.#held.push(go);
      else go();
    });
  }

  /** It dies: connections break, and new ones are refused. */
  kill(): void {
    this.refusal = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    for (const connection of this.connections) connection.break();
  }

  /** It is back after `kill`. */
  restart(): void {
    this.refusal = undefined;
  }
}

/** The servers of a test by port. As `open` of what takes mysql2's place. */
export function fakeDriver(servers: ReadonlyMap<number, FakeMysql>) {
  return (options: Record<string, unknown>): DriverConnection => {
    const server = servers.get(options.port as number);
    if (server === undefined) throw new Error(`no fake server on port ${String(options.port)}`);
    return new FakeConnection(server, options) as unknown as DriverConnection;
  };
}

export class FakeConnection extends EventEmitter {
  readonly config: Record<string, unknown>;
  readonly threadId: number;
  readonly _handshakePacket = { serverVersion: '9.7.4' };
  readonly stream: { destroyed: boolean; destroy(error?: Error): void };
  _closing = false;
  readonly #server: FakeMysql;

  constructor(server: FakeMysql, options: Record<string, unknown>) {
    super();
    this.#server = server;
    this.config = options;
    server.connections.push(this);
    this.threadId = server.connections.length;
    this.stream = {
      destroyed: false,
      destroy: (error) => {
        if (this.stream.destroyed) return;
        this.stream.destroyed = true;
        if (error !== undefined) queueMicrotask(() => this.emit('error', error));
      },
    };
    server.soon(() => {
      if (this.stream.destroyed) return;
      if (server.refusal !== undefined) this.emit('error', server.refusal);
      else this.emit('connect');
    });
  }

  query(sql: string | QueryCommand, _values?: unknown, callback?: QueryCallback): void {
    const text = typeof sql === 'string' ? sql : sql.sql;
    const done = callback ?? (sql as QueryCommand).onResult;
    this.#server.statements.push(text);
    this.#server.soon(() => {
      if (this.stream.destroyed) return;
      const answer = this.#server.answer(text);
      if (answer instanceof Error) done?.(answer);
      else done?.(null, answer);
    });
  }

  break(): void {
    this.stream.destroy(Object.assign(new Error('Connection lost'), { code: 'PROTOCOL_CONNECTION_LOST', fatal: true }));
  }

  end(callback?: (error: unknown) => void): void {
    this._closing = true;
    this.stream.destroyed = true;
    callback?.(null);
  }

  destroy(): void {
    this.stream.destroyed = true;
  }

  ping(callback: (error: unknown) => void): void {
    this.#server.soon(() => callback(this.stream.destroyed ? new Error('closed') : null));
  }

  reset(callback: (error: unknown) => void): void {
    this.ping(callback);
  }

  changeUser(_options: unknown, callback: (error: unknown) => void): void {
    this.ping(callback);
  }

  prepare(_sql: unknown, callback: (error: unknown, statement?: unknown) => void): void {
    this.ping((error) => callback(error, { execute: () => {} }));
  }

  execute(_sql: unknown, _values: unknown, callback?: (error: unknown) => void): EventEmitter {
    const command = new EventEmitter();
    this.ping(callback ?? (() => command.emit('end')));
    return command;
  }
}

/** Lets everything that waits for nothing but its turn run. */
export async function turns(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
}
