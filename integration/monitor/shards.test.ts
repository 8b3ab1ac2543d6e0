import { createMesh, staticResolver } from 'fairlead';
import { type AlertEvent, monitorMesh } from 'fairlead/monitor';
import { ShardedRedis } from 'fairlead/redis';
import { expect, it } from 'vitest';
import { startRedis, until } from '../harness/index.js';

it('a Redis server that dies is alerted about as a shard that is down, until it is back', async () => {
  await using first = await startRedis();
  await using second = await startRedis();
  const endpoint = (id: string, { host, port }: { host: string; port: number }) => ({ id, host, port });
  const resolver = staticResolver({ cache: [endpoint('s1', first), endpoint('s2', second)] });
  await using mesh = createMesh({ resolver });
  using monitor = monitorMesh(mesh, { intervalMs: 200 });
  const redis = new ShardedRedis(mesh, { service: 'cache', probeIntervalMs: 100, downAfterMs: 500 });
  redis.on('error', () => {});
  const events: AlertEvent[] = [];
  monitor.on('alert', (event) => events.push(event));
  const told = (): string[] =>
    events.flatMap(({ what, alert }) => (alert.rule === 'shard_down' ? [`${what} ${alert.text}`] : []));
  try {
    await until('both shards are up', () => redis.describeRing().shards.every(({ state }) => state === 'up'));
    await second.kill();
    await until('the shard is alerted about', () => told().length > 0);
    expect(told()).toEqual(['raised redis cache: s2 is down']);
    expect(monitor.health().subjects).toContainEqual({
      name: 'redis cache',
      status: 'degraded',
      reason: 'redis cache: s2 is down',
    });
    await second.restart();
    await until('the alert is over', () => told().length > 1);
    expect(told()[1]).toBe('cleared redis cache: s2 is down');
  } finally {
    redis.disconnect();
  }
});
