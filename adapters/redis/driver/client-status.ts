import { type Callback, type Redis, setStatus } from './driver.js';

/**
 * The status of one connection, and its events, made of what several have: ready as soon as every
 * shard is known to be up or down, and one is up.
 */
export function showStatus(redis: Redis, shards: readonly { readonly state: string }[]): void {
  const up = shards.some(({ state }) => state === 'up');
  if (redis.status === 'connecting' && up && shards.every(({ state }) => state !== 'connecting')) {
    setStatus(redis, 'connect');
    setStatus(redis, 'ready');
  } else if (redis.status === 'ready' && !up) {
    setStatus(redis, 'close');
    setStatus(redis, 'reconnecting');
  } else if (redis.status === 'reconnecting' && up) {
    setStatus(redis, 'connecting');
    setStatus(redis, 'connect');
    setStatus(redis, 'ready');
  }
}

/** Rejects as ioredis does when the client ends before. */
export function untilReady(redis: Redis): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error): void => {
      redis.off('ready', settle);
      redis.off('end', ended);
      if (error === undefined) resolve();
      else reject(error);
    };
    const ended = (): void => settle(new Error('Connection is closed.'));
    if (redis.status === 'ready') settle();
    else if (redis.status === 'end') ended();
    else redis.once('ready', settle).once('end', ended);
  });
}

/** A promise for whoever wants one, a callback for whoever gave one. */
export function called<T>(promise: Promise<T>, callback: Callback<T> | undefined): void {
  if (callback === undefined) return;
  promise.then(
    (result) => callback(null, result),
    (error: Error) => callback(error),
  );
}
