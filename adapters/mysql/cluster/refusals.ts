import { type DiscoveryStatus, type Endpoint, FairleadError, type Service } from '../../../src/index.js';
import type { RouteChoice } from '../common/options.js';
import type { Replication } from './replication.js';

/**
 * No server was found in time that could run it. `probeErrorOf`: why one could not be asked what it
 * is, if that is so.
 */
export function noServer(
  { name, endpoints, discovery }: Service,
  replication: Replication,
  route: RouteChoice,
  probeErrorOf: (endpoint: Endpoint) => unknown,
): FairleadError {
  const who = route === 'primary' ? 'primary' : 'server';
  const errors = endpoints.map(probeErrorOf);
  const known = endpoints.map((each, i) => `${each.spec.id} is ${describe(each, replication, errors[i])}`).join(', ');
  const probeError = errors.find((error) => error !== undefined);
  const message = `No ${who} of service '${name}' to run this on: ${known || nothingListed(discovery)}.`;
  return new FairleadError('FAIRLEAD_NO_ENDPOINT', message, { service: name, cause: discovery.error ?? probeError });
}

function describe(endpoint: Endpoint, replication: Replication, probeError: unknown): string {
  const { role } = replication.stateOf(endpoint);
  const why = probeError instanceof Error ? ` (${probeError.message})` : '';
  // Known by its role, and not used: only the registry can say that it is well again.
  return (endpoint.spec.healthy === false ? `${role} and unhealthy in the registry` : role) + why;
}

/** A registry that was not reached has not said that there is nothing. */
function nothingListed({ ageMs, error }: DiscoveryStatus): string {
  if (ageMs !== Number.POSITIVE_INFINITY) return 'discovery lists no server';
  return error === undefined ? 'discovery has not answered yet' : `discovery has not answered (${error.message})`;
}

/** Several servers accept writes, and nothing says which one is right. */
export function twoPrimaries({ name }: Pick<Service, 'name'>, writable: readonly Endpoint[]): FairleadError {
  const ids = writable.map((endpoint) => endpoint.spec.id).join(' and ');
  const message =
    `Servers ${ids} of service '${name}' both accept writes: refused, because writing to both would ` +
    `part their data. Set read_only on all but one, or let onTwoPrimaries 'tagged' decide.`;
  return new FairleadError('FAIRLEAD_TWO_PRIMARIES', message, { service: name });
}

/** A server was named that discovery does not list. */
export function unknownServer({ name, endpoints }: Service, id: string): FairleadError {
  const ids = endpoints.map(({ spec }) => spec.id).join(', ');
  const message = `Service '${name}' has no server '${id}' to run this on: there are ${ids || 'none'}.`;
  return new FairleadError('FAIRLEAD_NO_ENDPOINT', message, { service: name, endpoint: id });
}
