import type { RunRecord, Violation } from '../../part.js';

/** Once every client says that all is handed over, each key is at one server. */
export function checkPlaces({ operations, schedule }: RunRecord): Violation[] {
  const done = new Set(operations.filter(({ name }) => name === 'handed-over').map(({ client }) => client));
  if (done.size < schedule.clients) return [];
  const places = new Map<string, string[]>();
  for (const { name, key: server, output } of operations) {
    if (name !== 'server-keys') continue;
    for (const key of output as string[]) places.set(key, [...(places.get(key) ?? []), server]);
  }
  return [...places]
    .filter(([, servers]) => servers.length > 1)
    .map(([key, servers]) => ({ promise: 'a key is at two servers', says: `${key} is at ${servers.join(' and ')}` }));
}
