import { judgeAfter } from '../../../src/adapter.js';
import type { Clock } from '../../../src/index.js';
import { type Callback, type Redis, setStatus } from './driver.js';

/** As much as its status depends on. */
export interface Shown {
  readonly state: string;
}

/**
 * The status of one connection, and its events, made of what several have: `ready` as soon as every
 * shard is known to be up or down and one is up, `reconnecting` while none is. As in ioredis each
 * event is emitted under the status of its name, so one step is taken at a time.
 */
export class ClientStatus {
  readonly #redis: Redis;
  #shards: readonly Shown[] = [];
  /** Which of them was found to connect yet, or to be up: of thousands, each change is of one. */
  #connecting = 0;
  #up = 0;
  #stepping = false;

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  /** What the shards are now. */
  show(shards: readonly Shown[]): void {
    this.#shards = shards;
    if (!this.#stepping) this.#step();
  }

  readonly #step = (): void => {
    const next = this.#next();
    this.#stepping = next !== undefined;
    if (next === undefined) return;
    setStatus(this.#redis, next);
    process.nextTick(this.#step);
  };

  #anyUp(): boolean {
    this.#up = this.#find('up', this.#up);
    return this.#up !== -1;
  }

  #anyConnecting(): boolean {
    this.#connecting = this.#find('connecting', this.#connecting);
    return this.#connecting !== -1;
  }

  /** From where the last one was: shards change one by one, and nearly in order when they begin. */
  #find(state: string, from: number): number {
    const shards = this.#shards;
    const start = Math.max(from, 0);
    for (let i = 0; i < shards.length; i++) {
      const at = (start + i) % shards.length;
      if (shards[at]!.state === state) return at;
    }
    return -1;
  }

  #next(): string | undefined {
    const up = this.#anyUp();
    switch (this.#redis.status as string) {
      case 'connecting':
        if (this.#shards.length === 0 || this.#anyConnecting()) return undefined;
        if (up) return 'connect';
        return this.#shards.some(({ state }) => state === 'quarantined') ? undefined : 'close';
      case 'connect':
        return up ? 'ready' : 'close';
      case 'ready':
        return up ? undefined : 'close';
      case 'close':
        return 'reconnecting';
      case 'reconnecting':
        return up ? 'connecting' : undefined;
      default:
        return undefined;
    }
  }
}

/**
 * Resolves with the event `ready`; rejects as ioredis does when nothing can be reached, or the
 * client ends before; and where `late` finds a reason to, after `limitMs`.
 */
export function untilReady(
  redis: Redis,
  clock: Clock,
  limitMs?: number,
  late?: () => Error | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (redis.status === 'ready') {
      resolve();
      return;
    }
    const settle = (): void => {
      timer?.cancel();
      redis.off('ready', ready).off('close', closed).off('end', closed);
    };
    const ready = (): void => {
      settle();
      resolve();
    };
    const fail = (error: Error): void => {
      settle();
      reject(error);
    };
    const closed = (): void => fail(new Error('Connection is closed.'));
    const onTime = (): void => {
      const reason = late?.();
      if (reason !== undefined) fail(reason);
    };
    const timer = limitMs === undefined ? undefined : judgeAfter(clock, limitMs, onTime);
    if (redis.status === 'end') closed();
    else redis.once('ready', ready).once('close', closed).once('end', closed);
  });
}

/** As ioredis refuses a second `connect()`. */
export function refuseConnected({ status }: Redis): void {
  if (CONNECTED.has(status)) throw new Error('Redis is already connecting/connected');
}

const CONNECTED: ReadonlySet<string> = new Set(['connecting', 'connect', 'ready']);

/** As ioredis reports that an attempt to connect has failed. */
export function throwClosed(): never {
  throw new Error('Connection is closed.');
}

/** Calls the callback, where there is one, with what the promise settles to. */
export function called<T>(promise: Promise<T>, callback: Callback<T> | undefined): void {
  if (callback === undefined) return;
  promise.then(
    (result) => callback(null, result),
    (error: Error) => callback(error),
  );
}
