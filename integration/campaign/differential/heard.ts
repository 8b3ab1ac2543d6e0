import { inspect } from 'node:util';

/** Far above what a step takes: waiting for a lock is bounded to a second. */
const HANGS_AFTER_MS = 6_000;
const MASKED = new Set(['stack', 'previousErrors']);

/** What is compared instead of an object; undefined: its properties. */
export type Reader = (value: object) => object | undefined;

/**
 * What a caller sees of a value, as text: types, the order of properties, bytes. Errors by all of
 * their own properties, as `read` has them.
 */
export function seen(value: unknown, read: Reader = errorOf): string {
  return inspect(plainly(value, read, 0), { depth: 12, compact: true, breakLength: Infinity, maxStringLength: 2_000 });
}

function plainly(value: unknown, read: Reader, depth: number): unknown {
  if (typeof value === 'function') return '(function)';
  if (Buffer.isBuffer(value)) return `bytes ${value.toString('hex')}`;
  if (typeof value !== 'object' || value === null || value instanceof Date || depth > 8) return value;
  const instead = read(value);
  if (instead !== undefined) return plainly(instead, read, depth + 1);
  if (Array.isArray(value)) return value.map((each) => plainly(each, read, depth + 1));
  const entries = Object.entries(value).map(([key, each]) => [key, plainly(each, read, depth + 1)] as const);
  const copy = Object.create(Object.getPrototypeOf(value) as object | null) as object;
  for (const [key, each] of entries) {
    Object.defineProperty(copy, key, { value: each, enumerable: true, configurable: true });
  }
  return copy;
}

function errorOf(error: object): object | undefined {
  if (!(error instanceof Error)) return undefined;
  const own = Object.entries(error).filter(([name]) => !MASKED.has(name));
  return { error: error.name, message: error.message, ...Object.fromEntries(own) };
}

/** What is heard while a script is played, step by step. */
export class Heard {
  readonly #steps: string[][] = [];
  readonly #read: Reader | undefined;

  constructor(read?: Reader) {
    this.#read = read;
  }

  /** What was heard up to now: not what the end of the client tells. */
  get transcript(): string[][] {
    return this.#steps.map((step) => [...step]);
  }

  step(): void {
    this.#steps.push([]);
  }

  /** Heard in this order. */
  tell(what: string, ...values: unknown[]): void {
    const step = this.#steps.at(-1);
    step?.push([what, ...values.map((value) => seen(value, this.#read))].join(' '));
  }

  /** Heard in no order: work that runs beside other work. Only what begins so, if that is given. */
  sort(beginning = ''): void {
    const step = this.#steps.at(-1) ?? [];
    const [loose, rest] = [
      step.filter((each) => each.startsWith(beginning)),
      step.filter((each) => !each.startsWith(beginning)),
    ];
    step.splice(0, step.length, ...loose.sort(), ...rest);
  }

  /**
   * Runs a step. False when it does not end within some seconds, which is told: nothing that comes
   * after it would mean anything.
   */
  async ended(step: () => Promise<void>): Promise<boolean> {
    this.step();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(resolve, HANGS_AFTER_MS, false);
    });
    const inTime = await Promise.race([step().then(() => true), late]);
    clearTimeout(timer);
    if (!inTime) this.tell('hangs');
    return inTime;
  }

  /** Waits for the answer, and tells it. */
  async answer(what: string, work: () => unknown): Promise<unknown> {
    try {
      const value = await work();
      this.tell(`${what}:`, value);
      return value;
    } catch (error) {
      this.tell(`${what} fails:`, error);
      return undefined;
    }
  }
}
