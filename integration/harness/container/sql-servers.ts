import { freePorts } from '../ports.js';
import type { SqlServerParts } from '../sql-server.js';
import { ComposeProject } from './compose.js';

const HOST = '127.0.0.1';
/** That docker-compose.test.yml gives root. */
const ROOT_PASSWORD = 'root';

/**
 * A primary and its replicas, at most two, of one family, as services of a compose project: they
 * reach each other by their names.
 */
export async function sqlServersInContainers(
  engine: string,
  family: 'mysql' | 'mariadb',
  count: number,
  args: readonly string[] = [],
): Promise<SqlServerParts[]> {
  const ports = await freePorts(3, HOST);
  const upper = family.toUpperCase();
  const project = new ComposeProject(engine, {
    [`${upper}_PORT`]: `${ports[0]}`,
    [`${upper}_REPLICA_1_PORT`]: `${ports[1]}`,
    [`${upper}_REPLICA_2_PORT`]: `${ports[2]}`,
    [`${upper}_ARGS`]: args.join(' '),
  });
  return ['primary', 'replica-1', 'replica-2'].slice(0, count).map((role, i) => ({
    instance: project.service(`${family}-${role}`),
    host: HOST,
    port: ports[i]!,
    root: { password: ROOT_PASSWORD },
    peerHost: `${family}-${role}`,
    peerPort: 3306,
  }));
}
