import { FairleadError } from '../../../src/index.js';
import type { EndpointRoute } from '../common/options.js';
import type { Physical } from '../connections/physical.js';
import type { ClusterServer } from './server.js';

/**
 * The server on which the connection with a thread id is. Thread ids are a server's own, and other
 * servers use the same ones for other connections: KILL on the wrong one ends what another client
 * runs. So it is the server where a connection of this pool in use has that id; of several, the one
 * whose id was asked for (`connection.threadId`). An error where that does not decide either;
 * undefined where none of the pool's connections has it: then it may come from a list of what runs,
 * and those are the primary's.
 */
export function serverOfThread(
  service: string,
  servers: Iterable<ClusterServer>,
  threadId: number,
): EndpointRoute | FairleadError | undefined {
  let found: { endpoint: string; physical: Physical }[] = [];
  for (const { endpoint, pool } of servers) {
    const physical = pool.findInUse(threadId);
    if (physical !== undefined) found.push({ endpoint: endpoint.spec.id, physical });
  }
  if (found.length > 1) {
    const read = found.filter(({ physical }) => physical.threadIdRead === true);
    if (read.length > 0) found = read;
  }
  const [first] = found;
  if (first === undefined) return undefined;
  if (found.length === 1) return { endpoint: first.endpoint };
  const ids = found.map(({ endpoint }) => `'${endpoint}'`).join(' and ');
  return new FairleadError(
    'FAIRLEAD_UNROUTABLE',
    `Thread ${threadId} is a connection of this pool on ${ids} of service '${service}': nothing was sent. ` +
      `Use connection.cancel(), or say which one with route: { endpoint: 'its id' }.`,
    { service },
  );
}
