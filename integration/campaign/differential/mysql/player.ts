import { Readable } from 'node:stream';
import type { Heard } from '../heard.js';
import type { Step } from '../script.js';

/** Both APIs of mysql2 as a caller without types sees them. */
// biome-ignore lint/suspicious/noExplicitAny: see above
type Any = any;
type Api = 'callback' | 'promise';

interface Slot {
  readonly connection: Any;
  /** It may hold something that mysql2 would hand on to whoever comes next. */
  used: boolean;
  readonly prepared: Map<string, { readonly statement: Any; readonly sql: string }>;
}

/**
 * Resolves with the arguments of the callback. Known difference: mysql2 adds some that are undefined,
 * or a result beside an error, and leaves out that there is none.
 */
const called = (act: (done: (...args: unknown[]) => void) => unknown): Promise<unknown[]> =>
  new Promise((resolve) =>
    act((...args) =>
      resolve(args.slice(0, args[0] ? 1 : 1 + args.findLastIndex((each) => each !== undefined && each !== null))),
    ),
  );

const TYPE_CASTS: Readonly<Record<string, unknown>> = {
  false: false,
  string: (field: Any) => field.string(),
  buffer: (field: Any) => field.buffer(),
  next: (field: Any, next: () => unknown) => [field.type, field.length, field.db, field.table, field.name, next()],
};

/** Options as a driver takes them: functions have names in scripts. */
export const withFunctions = (options: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  options.typeCast === undefined ? { ...options } : { ...options, typeCast: TYPE_CASTS[String(options.typeCast)] };

/** Plays steps on a pool. */
export class MysqlPlayer {
  readonly #pool: Any;
  readonly #promise: Any;
  readonly #heard: Heard;
  /** The plain pool hands connections on as they are: those that were used end here. */
  readonly #keepsState: boolean;
  /** A connection that was used is given back, in the way of its side. */
  quiet = false;
  readonly #slots = new Map<unknown, Slot>();

  constructor(pool: unknown, heard: Heard, keepsState: boolean) {
    this.#pool = pool;
    this.#promise = this.#pool.promise();
    this.#heard = heard;
    this.#keepsState = keepsState;
  }

  async play(step: Step): Promise<void> {
    const slot = this.#slots.get(step.slot);
    switch (step.op) {
      case 'take':
        if (slot === undefined) await this.#take(step);
        return;
      case 'pool':
        await this.#run(this.#target(undefined, step.api as Api), step);
        return;
      case 'escape':
        this.#escape(step.value);
        return;
      case 'crowd':
        await Promise.all((step.list as Step[]).map((each) => this.#run(this.#promise, { ...each, api: 'promise' })));
        this.#heard.sort();
        return;
      case 'stream':
      case 'events':
        if (!step.pool && slot !== undefined) slot.used = true;
        if (step.pool || slot !== undefined) await this.#command(step.pool ? this.#pool : slot?.connection, step);
        return;
      default:
        if (slot !== undefined) await this.#onSlot(slot, step);
    }
  }

  async #onSlot(slot: Slot, step: Step): Promise<void> {
    const target = this.#target(slot, step.api as Api);
    if (step.op !== 'leave') slot.used = true;
    switch (step.op) {
      case 'run':
        await this.#run(target, step);
        break;
      case 'batch':
        await Promise.all(
          (step.list as Step[]).map((each, i) => this.#run(slot.connection, { ...each, api: 'callback' }, `${i} `)),
        );
        break;
      case 'transaction':
      case 'simple':
        await this.#simple(slot, step);
        break;
      case 'prepare':
        await this.#prepare(slot, step);
        break;
      case 'prepared':
        await this.#prepared(slot, step);
        break;
      case 'load':
        await this.#load(slot, step);
        break;
      case 'leave':
        this.#leave(slot, step);
        break;
    }
  }

  #target(slot: Slot | undefined, api: Api): Any {
    if (slot === undefined) return api === 'promise' ? this.#promise : this.#pool;
    return api === 'promise' ? slot.connection.promise() : slot.connection;
  }

  async #take(step: Step): Promise<void> {
    const connection =
      step.api === 'promise'
        ? (await this.#promise.getConnection()).connection
        : (await called((done) => this.#pool.getConnection(done)))[1];
    // It has its server from here on.
    await connection.promise().query('DO 1');
    // Known difference: what happens to the connection to the server is no event of fairlead's.
    connection.on('error', () => {});
    this.#slots.set(step.slot, { connection, used: false, prepared: new Map() });
  }

  async #run(target: Any, step: Step, prefix = ''): Promise<void> {
    const args = argumentsOf(step);
    const how = step.how as 'query' | 'execute';
    const work =
      step.api === 'promise' ? () => target[how](...args) : () => called((done) => target[how](...args, done));
    await this.#heard.answer(`${prefix}${how}`, work);
  }

  /** What a command without a callback emits, or what its stream does. */
  async #command(target: Any, step: Step): Promise<void> {
    const command = target.query(...argumentsOf(step));
    if (step.op === 'stream') {
      const stream = command.stream({ highWaterMark: step.highWaterMark });
      stream.on('fields', (fields: Any) => this.#heard.tell('fields', fields));
      await this.#heard.answer('stream', async () => {
        for await (const row of stream) this.#heard.tell('row', row);
      });
      // Rows are read when the reader wants them, whatever else is heard meanwhile.
      this.#heard.sort('fields ');
      this.#heard.sort('pool ');
      return;
    }
    await new Promise<void>((resolve) => {
      for (const name of ['fields', 'result', 'error', 'end']) {
        command.on(name, (...args: unknown[]) => {
          this.#heard.tell(name, ...args);
          if (name === 'end' || name === 'error') setImmediate(resolve);
        });
      }
    });
    // Known difference: one that fails gives its connection back before its `end`.
    this.#heard.sort('pool ');
  }

  async #simple(slot: Slot, step: Step): Promise<void> {
    const what = String(step.what);
    if (what === 'state') {
      // Known difference: `charsetNumber` does not follow SET NAMES.
      const { config, state } = slot.connection;
      this.#heard.tell('state', state, config.user, config.database);
    } else {
      const target = this.#target(slot, step.api as Api);
      const work = step.api === 'promise' ? () => target[what]() : () => called((done) => target[what](done));
      // connect() calls back with the connection.
      if (what === 'connect') await work();
      else await this.#heard.answer(what, work);
    }
  }

  async #prepare(slot: Slot, step: Step): Promise<void> {
    await this.#heard.answer('prepare', async () => {
      const statement = await slot.connection.promise().prepare(step.sql);
      slot.prepared.set(String(step.name), { statement, sql: String(step.sql) });
    });
  }

  async #prepared(slot: Slot, step: Step): Promise<void> {
    const prepared = slot.prepared.get(String(step.name));
    if (prepared === undefined) return;
    if (step.what === 'execute') {
      await this.#heard.answer('execute of prepared', () => prepared.statement.execute(step.values));
      return;
    }
    slot.prepared.delete(String(step.name));
    if (step.what === 'unprepare') slot.connection.unprepare(prepared.sql);
    else await this.#heard.answer('close', () => prepared.statement.close());
  }

  async #load(slot: Slot, step: Step): Promise<void> {
    const text = (step.lines as string[]).map((each) => `${each}\n`).join('');
    const infileStreamFactory = step.given ? () => Readable.from([Buffer.from(text)]) : undefined;
    const sql = "LOAD DATA LOCAL INFILE 'here' INTO TABLE loose CHARACTER SET utf8mb4 (v)";
    await this.#heard.answer('load', () =>
      called((done) => slot.connection.query({ sql, ...(infileStreamFactory && { infileStreamFactory }) }, done)),
    );
  }

  #escape(value: unknown): void {
    const does = {
      escape: (pool: Any) => pool.escape(value),
      format: (pool: Any) => pool.format('? ??', [value, 'a.b']),
    };
    for (const pool of [this.#pool, this.#promise]) this.#heard.tell('escaped', does.escape(pool), does.format(pool));
  }

  #leave(slot: Slot, step: Step): void {
    this.#slots.delete(step.slot);
    this.quiet = slot.used;
    try {
      this.#part(slot, step);
    } finally {
      this.quiet = false;
    }
  }

  #part(slot: Slot, step: Step): void {
    const { connection } = slot;
    if (step.how === 'destroy' || (this.#keepsState && slot.used)) connection.destroy();
    else if (step.how === 'releaseConnection') this.#pool.releaseConnection(connection);
    else if (step.how === 'end') connection.end();
    else connection.release();
    if (step.how === 'release twice' && !(this.#keepsState && slot.used)) connection.release();
  }
}

/** The ways to give a statement and its values. */
function argumentsOf({ sql, values, options, shape }: Step): unknown[] {
  const own = options === undefined ? undefined : withFunctions(options as Record<string, unknown>);
  if (own === undefined && shape === 'plain') return values === undefined ? [sql] : [sql, values];
  if (shape === 'values inside') return [{ ...own, sql, ...(values !== undefined && { values }) }];
  return values === undefined ? [{ ...own, sql }] : [{ ...own, sql }, values];
}
