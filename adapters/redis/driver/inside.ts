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
  /** The database it is for; of a SELECT, the one before. */
  select: number;
}

/** Commands in their order. */
export interface CommandQueue {
  readonly length: number;
  peekAt(index: number): CommandItem | undefined;
}

/**
 * The parts of ioredis 5 and 6 that it does not declare. Everything that leans on its inside goes
 * through this room.
 */
export interface Inside {
  readonly offlineQueue: CommandQueue;
  readonly commandQueue: CommandQueue;
  readonly stream: Socket | null | undefined;
  /** Of connections that this library made. */
  readonly unansweredSinceMs?: number | undefined;
  readonly connector: {
    stream?: Socket | undefined;
    connecting: boolean;
    firstError?: Error | undefined;
    connect(tell: unknown): Promise<Socket>;
  };
  readonly condition: { auth?: unknown; select: number } | null | undefined;
  flushQueue(error: Error, options?: { offlineQueue?: boolean; commandQueue?: boolean }): void;
  handleReconnection(error: Error, item: CommandItem): void;
  setStatus(status: string, arg?: unknown): void;
}

export const inside = (redis: Redis): Inside => redis as unknown as Inside;

/** Commands that wait for the connection. */
export function waitingOn(connection: Redis): number {
  return inside(connection).offlineQueue.length;
}

/** Commands that were sent and not answered. */
export function inflightOn(connection: Redis): number {
  return inside(connection).commandQueue.length;
}

/**
 * When the first command was sent of those that the server has not answered; undefined where there
 * is none, or no `commandTimeout` to tell by.
 */
export function unansweredSinceMs(connection: Redis): number | undefined {
  return inside(connection).unansweredSinceMs;
}

/** Bytes that have come from the server on this connection. */
export function receivedOn(connection: Redis): number {
  return inside(connection).stream?.bytesRead ?? 0;
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

/**
 * The server has refused a SELECT. ioredis has taken the database for selected when it sent it, and
 * would select it again on the next connection, in vain.
 */
export function unselect(redis: Redis, { command, select: before }: CommandItem): void {
  const { condition, commandQueue } = inside(redis);
  const refused = Number(command.args[0]);
  for (let i = 0; i < commandQueue.length; i++) {
    const item = commandQueue.peekAt(i)!;
    if (item.select !== refused) return;
    item.select = before;
    if (item.command.name === 'select') return;
  }
  if (condition?.select === refused) condition.select = before;
}
