import { closedError } from '../call/host.js';
import { abortSignal } from '../call/options.js';
import type { DiscoveryStatus } from '../discovery/resolver.js';
import { forgetAbort, whenAborted } from '../runtime/abort-audience.js';
import type { Clock } from '../runtime/clock.js';
import { FairleadError } from '../runtime/errors.js';
import { holdProcess } from '../runtime/hold-process.js';
import type { Service } from './contract.js';

/**
 * Resolves once the service has an endpoint to pick, or, for a call, once it is known that waiting
 * is in vain; rejects with the caller's reason, or when the service stops. The process stays alive
 * meanwhile.
 */
export function whenReady(
  service: Service & {
    readonly clock: Clock;
    readonly unlisted: boolean;
    readonly closed: boolean;
    readonly stopping: AbortSignal;
  },
  caller: AbortSignal | undefined,
  forCall: boolean,
): Promise<void> {
  const over = (): boolean => service.rotation.length > 0 || (forCall && service.unlisted);
  try {
    abortSignal(caller, 'ready.signal');
  } catch (thrown) {
    return Promise.reject(thrown);
  }
  if (service.closed) return Promise.reject(closedError(service.name));
  if (over()) return Promise.resolve();
  if (caller?.aborted) return Promise.reject(caller.reason);
  const stopped = service.stopping;
  return new Promise((resolve, reject) => {
    const held = holdProcess(service.clock);
    const end = (settle: () => void): void => {
      held.cancel();
      for (const stop of stopListening) stop();
      if (caller !== undefined) forgetAbort(caller, onAbort);
      forgetAbort(stopped, onStop);
      settle();
    };
    const onAbort = (): void => end(() => reject(caller?.reason));
    const onStop = (): void => end(() => reject(closedError(service.name)));
    const look = (): void => {
      if (over()) end(resolve);
    };
    const stopListening = [service.on('rotation', look), service.on('error', look)];
    if (caller !== undefined) whenAborted(caller, onAbort);
    whenAborted(stopped, onStop);
  });
}

/** Why the service takes no calls at all: it is closed, or the configuration has it no longer. */
export function refusalOf(service: {
  readonly name: string;
  readonly closed: boolean;
  readonly removed: string | undefined;
}): FairleadError | undefined {
  const { name, closed, removed } = service;
  if (closed) return closedError(name);
  if (removed === undefined) return undefined;
  return new FairleadError('FAIRLEAD_CLOSED', `Service '${name}' takes no calls: ${removed}.`, { service: name });
}

/** Whether discovery has said that there is no such service. A list may still come. */
export function isUnlisted({ ageMs, error }: DiscoveryStatus): boolean {
  return ageMs === Number.POSITIVE_INFINITY && error instanceof FairleadError && error.code === 'FAIRLEAD_UNLISTED';
}

/** What a call found when it was to pick: who calls `call()` is not told to use it. */
export function inWordsOfCall(
  service: { readonly rotation: readonly unknown[]; explainUnready(): FairleadError },
  thrown: unknown,
): unknown {
  const none = thrown instanceof FairleadError && thrown.code === 'FAIRLEAD_NO_ENDPOINT';
  return none && service.rotation.length === 0 ? service.explainUnready() : thrown;
}

/** Why there is no endpoint to pick, and what to do; `usable` where a subset asks. */
export function noEndpointError(service: Service, usable: boolean): FairleadError {
  return explain(service, whyEmpty(service, usable), 'Await ready() first, or use call(), which does.');
}

/** The same for a call that has waited for the first endpoint as long as it may. */
export function unreadyError(service: Service, waitForReadyMs: number): FairleadError {
  const waited = `call() waits waitForReadyMs for a first endpoint, ${waitForReadyMs} ms.`;
  return explain(service, whyEmpty(service, false), waited);
}

interface Why {
  readonly why: string;
  /** Undefined where an endpoint may be on its way. */
  readonly advice?: string;
}

function explain({ name, discovery }: Service, { why, advice }: Why, onItsWay: string): FairleadError {
  const cause = discovery.error;
  const because = cause === undefined ? '' : ` (last discovery error: ${cause.message})`;
  const message = `No endpoint of service '${name}': ${why}${because}. ${advice ?? onItsWay}`;
  return new FairleadError('FAIRLEAD_NO_ENDPOINT', message, { service: name, cause });
}

function whyEmpty({ endpoints, usedEndpoints, discovery }: Service, usable: boolean): Why {
  const known = endpoints.length;
  if (known > 0 && usedEndpoints.length === 0) {
    const advice = 'Look at their checks, and for maintenance mode, in the registry.';
    return { why: `discovery lists ${known === 1 ? 'one' : known}, none of them healthy`, advice };
  }
  if (usable && known > 0) {
    const advice = 'Look at what its `usable`, or the arm or lane of the call, says of them.';
    return { why: `none of its ${known} endpoints may be used by this subset`, advice };
  }
  if (isUnlisted(discovery)) return { why: 'discovery does not list it', advice: 'Check the name.' };
  if (discovery.ageMs === Number.POSITIVE_INFINITY) return { why: 'discovery has not answered yet' };
  if (known > 0) return { why: `none of its ${known} endpoints has passed its first check yet` };
  return {
    why: 'discovery lists no endpoint for it',
    advice: 'Check the name and the registration of its instances.',
  };
}
