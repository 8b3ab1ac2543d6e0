import { Command, Redis, type RedisOptions } from 'ioredis';

/** The parts of ioredis 5 and 6 that it does not declare. Everything that leans on its inside goes through this file. */
interface Inside {
  offlineQueue: { readonly length: number };
  flushQueue(error: Error, options?: { offlineQueue?: boolean; commandQueue?: boolean }): void;
  setStatus(status: string, arg?: unknown): void;
}

/** The mapping of RESP3 replies is a type parameter of ioredis 6; here it is known at run time only. */
export type DriverOptions = RedisOptions & { replyMapping?: 'legacy' };

const inside = (redis: Redis): Inside => redis as unknown as Inside;

export interface ConnectionErrors {
  /** For commands that wait for the connection: nothing of them was sent. */
  unsent(cause: Error): Error;
  /** For commands that were sent and not answered. */
  lost(cause: Error): Error;
}

/** A connection whose commands fail as soon as it breaks, each with an error that says whether it may have been executed. */
export function connectTo(options: RedisOptions, errors: ConnectionErrors): Redis {
  const connection = new Redis({
    ...options,
    // Its own keyPrefix was applied when the command was made.
    keyPrefix: '',
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    enableAutoPipelining: false,
  } as DriverOptions);
  const flush = Redis.prototype as unknown as Inside;
  inside(connection).flushQueue = (error, which) => {
    const { offlineQueue = true, commandQueue = true } = which ?? {};
    if (offlineQueue) {
      flush.flushQueue.call(connection, errors.unsent(error), { offlineQueue: true, commandQueue: false });
    }
    if (commandQueue) {
      flush.flushQueue.call(connection, errors.lost(error), { offlineQueue: false, commandQueue: true });
    }
  };
  return connection;
}

export function waitingOn(connection: Redis): number {
  return inside(connection).offlineQueue.length;
}

/** Sets the status and emits the event of that name, as ioredis does it. */
export function setStatus(redis: Redis, status: string, arg?: unknown): void {
  if (redis.status === status) return;
  inside(redis).setStatus(status, arg);
}

/** A part of another command; its reply stays in buffers until the whole is put together. */
export function partOf(command: Command, args: readonly unknown[]): Command {
  return new Command(command.name, args as never, { replyEncoding: null } as never);
}

/** A command of our own. */
export function ownCommand(name: string, args: readonly (string | Buffer)[] = []): Command {
  return new Command(name, args as never, { replyEncoding: 'utf8' } as never);
}

/** Commands of a pipeline are numbered so that ioredis can tell a torn one; split, the numbers mean nothing. */
export function leavePipeline(command: Command): void {
  delete command.pipelineIndex;
}

export { Command, Redis, type RedisOptions };
