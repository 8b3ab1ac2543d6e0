import { Redis, setStatus } from '../driver/driver.js';

/** Where a monitor is made. */
interface Monitored {
  readonly name: string;
  connect(options: { readonly monitor: true }): Redis;
}

/**
 * What MONITOR shows of all these shards, as one monitor of ioredis: its event `monitor` has the
 * name of the shard as a fifth argument. Shards that come later are not watched. Rejects where one
 * of them cannot be monitored.
 */
export async function monitorAll(shards: readonly Monitored[]): Promise<Redis> {
  const monitors = shards.map((shard) => shard.connect({ monitor: true }));
  const close = (): void => {
    for (const monitor of monitors) monitor.disconnect();
  };
  try {
    await Promise.all(monitors.map(started));
  } catch (error) {
    close();
    throw error;
  }
  if (monitors.length === 1) return monitors[0]!;
  return merged(monitors, shards, close);
}

function started(monitor: Redis): Promise<void> {
  return new Promise((resolve, reject) => {
    monitor.once('error', reject);
    monitor.once('monitoring', () => {
      monitor.off('error', reject);
      resolve();
    });
    monitor.connect().catch(reject);
  });
}

function merged(monitors: readonly Redis[], shards: readonly Monitored[], close: () => void): Redis {
  const all = new Redis({ lazyConnect: true });
  let open = monitors.length;
  monitors.forEach((monitor, i) => {
    monitor.on('monitor', (...args: unknown[]) => void all.emit('monitor', ...args, shards[i]!.name));
    monitor.on('error', (error: Error) => all.listenerCount('error') > 0 && all.emit('error', error));
    monitor.on('end', () => {
      open--;
      if (open === 0) setStatus(all, 'end');
    });
  });
  all.disconnect = close;
  setStatus(all, 'monitoring');
  return all;
}
