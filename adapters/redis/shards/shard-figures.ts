import type { Shard } from './shard.js';

/** For displays and alerts: 1 where it is so. By name, as those of MySQL. */
export function shardFigures(shards: readonly Shard[]): Record<string, number> {
  const figures: Record<string, number> = { shards: shards.length };
  for (const { name, state } of shards) {
    figures[`down ${name}`] = Number(state === 'down');
    figures[`quarantined ${name}`] = Number(state === 'quarantined');
  }
  return figures;
}
