import { type Endpoint, FairleadError, type Service } from '../../../src/index.js';
import type { RouteChoice } from '../common/options.js';
import type { Replication } from './replication.js';

/** No server that could run it was found in time. */
export function noServer(
  { name, endpoints, discovery }: Service,
  replication: Replication,
  route: RouteChoice,
  probeError: unknown,
): FairleadError {
  const roles = endpoints.map((each) => `${each.spec.id} is ${replication.stateOf(each).role}`).join(', ');
  const message = `No ${route === 'primary' ? 'primary' : 'server'} of service '${name}' to run this on: ${roles || 'discovery lists no server'}.`;
  return new FairleadError('FAIRLEAD_NO_ENDPOINT', message, { service: name, cause: discovery.error ?? probeError });
}

/** Several servers accept writes, and nothing shows which one is right. */
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
