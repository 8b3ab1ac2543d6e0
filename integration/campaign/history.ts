import { AsyncLocalStorage } from 'node:async_hooks';
import { openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Linux has one monotonic clock for all processes: times of several clients can be compared; ms.
 */
export const nowMs = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000;

/**
 * How an operation ended. `fail`: it says that it did not happen. `unknown`: it may have happened,
 * as may all that never ended, because its process was killed.
 */
export type Outcome = 'ok' | 'fail' | 'unknown';

/** One operation, put together from its lines. */
export interface Operation {
  readonly id: string;
  readonly client: string;
  readonly worker: number;
  /** What was asked for, in a word: `incr`, `lpush`, `unary`. */
  readonly name: string;
  /** What it was about: a key, a row, a session. */
  readonly key: string;
  /** What was written or asked for. */
  readonly input: unknown;
  readonly invokedMs: number;
  /** Infinity for one that never ended. */
  readonly endedMs: number;
  readonly outcome: Outcome;
  readonly output: unknown;
  /** Code and message of what it failed with. */
  readonly error?: string;
  /** What the client knew beside it, such as the server of the key when it failed. */
  readonly about?: unknown;
}

/** An operation under way. */
export interface Invoked {
  ok(output?: unknown): void;
  fail(error: unknown, about?: unknown): void;
  unknown(error: unknown, about?: unknown): void;
}

interface Line {
  readonly t: number;
  readonly e: 'invoke' | Outcome | 'complaint' | 'late';
  readonly id?: string;
  readonly w?: number;
  readonly f?: string;
  readonly k?: string;
  readonly v?: unknown;
  readonly error?: string;
  readonly about?: unknown;
}

/** Which operation runs here: what a callback finds in it must be its own caller's. */
const current = new AsyncLocalStorage<string>();

/**
 * What a client did, line by line in a file. Lines are written at once: of a process that is killed
 * all is there that it may have sent.
 */
export class ClientHistory {
  readonly #file: number;
  readonly #client: string;
  #ids = 0;

  constructor(folder: string, client: string) {
    this.#client = client;
    this.#file = openSync(join(folder, `${client}.jsonl`), 'a');
  }

  /** Call it right before the operation is asked for. */
  invoke(worker: number, name: string, key: string, input?: unknown): Invoked {
    const id = `${this.#client}-${this.#ids++}`;
    this.#write({ t: nowMs(), e: 'invoke', id, w: worker, f: name, k: key, v: input });
    let ended = false;
    const end = (e: Outcome, rest: object): void => {
      if (ended) this.complain('an operation ended twice', { id, name, key, ...rest });
      ended = true;
      this.#write({ t: nowMs(), e, id, ...rest });
    };
    return {
      ok: (output) => end('ok', { v: output }),
      fail: (error, about) => end('fail', { error: describe(error), about }),
      unknown: (error, about) => end('unknown', { error: describe(error), about }),
    };
  }

  /**
   * Records one operation from beginning to end. `judge` says of an error whether the operation may
   * have happened; undefined: the error should not be there at all, which is a violation. Resolves
   * with the output, or undefined where it failed.
   */
  async run<T>(
    worker: number,
    name: string,
    key: string,
    input: unknown,
    ask: () => Promise<T>,
    judge: (error: unknown) => 'fail' | 'unknown' | undefined,
    about?: () => unknown,
  ): Promise<T | undefined> {
    const operation = this.invoke(worker, name, key, input);
    try {
      const output = await current.run(`${worker}:${name}:${key}`, ask);
      operation.ok(output);
      return output;
    } catch (error) {
      const outcome = judge(error);
      if (outcome === undefined)
        this.complain('failed with something undeclared', { name, key, error: describe(error) });
      operation[outcome ?? 'unknown'](error, about?.());
      return undefined;
    }
  }

  /**
   * Of a function with a callback: a promise, and a complaint where the callback runs in another
   * context than that of its caller, or twice.
   */
  called<T>(ask: (done: (error: unknown, value?: T) => void) => void): Promise<T> {
    const mine = current.getStore();
    let calls = 0;
    return new Promise<T>((resolve, reject) => {
      ask((error, value) => {
        if (current.getStore() !== mine) {
          const its = { mine, its: current.getStore(), ...(error ? { error: describe(error) } : {}) };
          this.complain('a callback ran in the async context of another', its);
        }
        if (++calls > 1) this.complain('a callback was called twice', mine);
        if (error) reject(error);
        else resolve(value as T);
      });
    });
  }

  /** Something that the client sees itself and that must not be. */
  complain(what: string, details?: unknown): void {
    this.#write({ t: nowMs(), e: 'complaint', f: what, v: details });
  }

  /** Its event loop was kept from running until now. */
  late(fromMs: number): void {
    this.#write({ t: nowMs(), e: 'late', v: fromMs });
  }

  #write(line: Line): void {
    writeSync(this.#file, `${JSON.stringify(line)}\n`);
  }
}

/** `FAIRLEAD_UNCERTAIN: The connection …` */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  const cause = error.cause instanceof Error ? ` (cause: ${error.cause.message.slice(0, 120)})` : '';
  return `${code === undefined ? error.name : String(code)}: ${error.message.slice(0, 200)}${cause}`;
}

export interface ReadHistory {
  readonly operations: readonly Operation[];
  readonly complaints: readonly { readonly client: string; readonly atMs: number; readonly says: string }[];
  /** When clients could not run, by their own clocks. */
  readonly delays: readonly { readonly client: string; readonly fromMs: number; readonly overMs: number }[];
}

/** All that the clients of one round wrote into `folder`. */
export function readHistory(folder: string): ReadHistory {
  const operations = new Map<string, Operation>();
  const complaints: { client: string; atMs: number; says: string }[] = [];
  const delays: { client: string; fromMs: number; overMs: number }[] = [];
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.jsonl'))) {
    const client = file.slice(0, -'.jsonl'.length);
    for (const text of readFileSync(join(folder, file), 'utf8').split('\n')) {
      const line = parse(text);
      if (line === undefined) continue;
      const { t, e, id, v } = line;
      if (e === 'late') {
        delays.push({ client, fromMs: Number(v), overMs: t });
      } else if (e === 'complaint') {
        complaints.push({ client, atMs: t, says: `${line.f} ${v === undefined ? '' : JSON.stringify(v)}`.trim() });
      } else if (e === 'invoke') {
        const began = { id: id!, client, worker: line.w!, name: line.f!, key: line.k!, input: v, invokedMs: t };
        operations.set(id!, { ...began, endedMs: Number.POSITIVE_INFINITY, outcome: 'unknown', output: undefined });
      } else {
        const began = operations.get(id!)!;
        const { error, about } = line;
        const end = { endedMs: t, outcome: e, output: v, ...(error !== undefined && { error }) };
        operations.set(id!, { ...began, ...end, ...(about !== undefined && { about }) });
      }
    }
  }
  return { operations: [...operations.values()].sort((a, b) => a.invokedMs - b.invokedMs), complaints, delays };
}

/** The last line of a process that was killed may be half a line. */
function parse(text: string): Line | undefined {
  try {
    return JSON.parse(text) as Line;
  } catch {
    return undefined;
  }
}
