import { createHook } from 'node:async_hooks';
import { Redis } from 'ioredis';
import type { Contender } from '../runner/suite.js';
import type { Client } from './redis-clients.js';

const SECOND_MS = 1_000;

/** An operation is this long. */
export const STRETCH_MS = 500;

/**
 * A client that does nothing: how many timers fire in its process, and how many commands it sends,
 * a second each. Counted from before it is made.
 */
export async function idle(make: () => Client): Promise<Contender> {
  const timers = new Set<number>();
  let fired = 0;
  let sent = 0;
  createHook({
    init: (id, type) => void (type === 'Timeout' && timers.add(id)),
    before: (id) => void (timers.has(id) && fired++),
    destroy: (id) => void timers.delete(id),
  }).enable();
  const { sendCommand } = Redis.prototype;
  Redis.prototype.sendCommand = function (this: Redis, ...given: Parameters<typeof sendCommand>) {
    // Of connections: ShardedRedis has one of its own, which hands over to these.
    sent++;
    return sendCommand.apply(this, given);
  };
  const client = make();
  await client.get('user:1:profile');
  return {
    run: async (operations) => {
      const [firedBefore, sentBefore] = [fired, sent];
      const beganMs = performance.now();
      await new Promise((resolve) => setTimeout(resolve, operations * STRETCH_MS));
      const seconds = (performance.now() - beganMs) / SECOND_MS;
      // Less the one that ends the stretch.
      return { timersPerS: (fired - firedBefore - 1) / seconds, commandsPerS: (sent - sentBefore) / seconds };
    },
    close: () => void client.close(),
  };
}
