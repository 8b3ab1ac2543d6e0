import type { Shard } from './shard.js';
import { statsOf } from './shard-stats.js';
import { isOut } from './state.js';

/** For displays and alerts, by name, as those of MySQL; a state is 1 where it is so. */
export function shardFigures(shards: readonly Shard[]): Record<string, number> {
  const figures: Record<string, number> = { shards: shards.length };
  for (const shard of shards) {
    const { name, state, address: _, replicas: __, ...numbers } = statsOf(shard);
    figures[`down ${name}`] = Number(isOut(state));
    figures[`quarantined ${name}`] = Number(state === 'quarantined');
    for (const [figure, value] of Object.entries(numbers)) figures[`${figure} ${name}`] = value;
  }
  return figures;
}
