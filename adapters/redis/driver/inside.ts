import type { Socket } from 'node:net';
import type { Command, Redis, RedisOptions } from 'ioredis';

/** Types of ioredis that it does not export, taken from the methods that use them. */
export type WriteableStream = NonNullable<Parameters<Redis['sendCommand']>[1]>;

export type Callback<T> = (error?: Error | null, result?: T) => void;

/**
 * The mapping of RESP3 replies is a type parameter of ioredis 6; here it is known at run time only.
 */
export type DriverOptions = RedisOptions & { replyMapping?: 'legacy' };

/** A command that was sent. */
export interface CommandItem {
  readonly command: Command;
}

/**
 * The parts of ioredis 5 and 6 that it does not declare. Everything that leans on its inside goes
 * through this room.
 */
export interface Inside {
  readonly offlineQueue: { readonly length: number };
  readonly commandQueue: { readonly length: number };
  readonly connector: { stream?: Socket | undefined };
  condition: { auth?: unknown } | null | undefined;
  flushQueue(error: Error, options?: { offlineQueue?: boolean; commandQueue?: boolean }): void;
  handleReconnection(error: Error, item: CommandItem): void;
  setStatus(status: string, arg?: unknown): void;
}

export const inside = (redis: Redis): Inside => redis as unknown as Inside;

/** Commands that wait for the connection. */
export function waitingOn(connection: Redis): number {
  return inside(connection).offlineQueue.length;
}

/** Sets the status and emits the event of that name, as ioredis does it. */
export function setStatus(redis: Redis, status: string, arg?: unknown): void {
  if (redis.status === status) return;
  inside(redis).setStatus(status, arg);
}

/** Breaks the connection now, without a farewell; it is made again as `retryStrategy` says. */
export function breakConnection(redis: Redis): void {
  (redis.stream as Socket | undefined)?.destroy();
}

/** Ends the connection for good, without waiting for a server that may not answer. */
export function endConnection(redis: Redis): void {
  redis.disconnect();
  breakConnection(redis);
}
