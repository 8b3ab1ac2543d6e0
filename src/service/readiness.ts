import { closedError } from '../call/host.js';
import { FairleadError } from '../runtime/errors.js';
import type { Service } from './contract.js';

/**
 * Resolves once the service has an endpoint to pick; rejects with the caller's reason, or when the
 * service stops.
 */
export function whenReady(service: Service, stopped: AbortSignal, caller: AbortSignal | undefined): Promise<void> {
  if (stopped.aborted) return Promise.reject(closedError(service.name));
  if (service.rotation.length > 0) return Promise.resolve();
  if (caller?.aborted) return Promise.reject(caller.reason);
  return new Promise((resolve, reject) => {
    const end = (settle: () => void): void => {
      stopListening();
      caller?.removeEventListener('abort', onAbort);
      stopped.removeEventListener('abort', onStop);
      settle();
    };
    const onAbort = (): void => end(() => reject(caller?.reason));
    const onStop = (): void => end(() => reject(closedError(service.name)));
    const stopListening = service.on('rotation', () => {
      if (service.rotation.length > 0) end(resolve);
    });
    caller?.addEventListener('abort', onAbort, { once: true });
    stopped.addEventListener('abort', onStop, { once: true });
  });
}

/** Why there is nobody to pick, and what to do; `usable` where a subset asks. */
export function noEndpointError(service: Service, usable: boolean): FairleadError {
  const { name, discovery } = service;
  const [why, advice] = whyEmpty(service, usable);
  const cause = discovery.error;
  const because = cause === undefined ? '' : ` (last discovery error: ${cause.message})`;
  const message = `No endpoint of service '${name}': ${why}${because}. ${advice}`;
  return new FairleadError('FAIRLEAD_NO_ENDPOINT', message, { service: name, cause });
}

const WAIT = 'Await ready() first, or use call(), which does.';

function whyEmpty({ endpoints, usedEndpoints, discovery }: Service, usable: boolean): readonly [string, string] {
  const known = endpoints.length;
  if (known > 0 && usedEndpoints.length === 0) {
    const advice = 'Look at their checks, and for maintenance mode, in the registry.';
    return [`discovery lists ${known === 1 ? 'one' : known}, none of them healthy`, advice];
  }
  if (usable && known > 0) {
    return [`none of its ${known} endpoints may be used by this subset`, 'Look at what its `usable` says of them.'];
  }
  if (discovery.ageMs === Number.POSITIVE_INFINITY) return ['discovery has not answered yet', WAIT];
  if (known > 0) return [`none of its ${known} endpoints has passed its first check yet`, WAIT];
  return ['discovery lists no endpoint for it', 'Check the name and the registration of its instances.'];
}
