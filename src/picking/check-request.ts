import { invalidOption, unknownOption } from '../runtime/options.js';
import type { AcquireRequest } from './lease.js';

const NAMES = ['key', 'prefer', 'labels', 'tried', 'part', 'beside'] as const satisfies (keyof AcquireRequest)[];
const KNOWN: ReadonlySet<string> = new Set(NAMES);

/**
 * Refuses what would be taken for a request that says nothing, and go to any endpoint: of a program
 * whose arguments no compiler has read. The key is checked where it is used. Hot path: to go over
 * the names costs more than all the rest, so it is done where nothing that is known was said.
 */
export function checkRequest(request: AcquireRequest): void {
  if (typeof request !== 'object' || request === null) {
    throw invalidOption('acquire', request, `an object with ${NAMES.join(', ')}`);
  }
  // Adapters pass objects of their own: they know what they say, and some make it when it is read.
  if (Object.getPrototypeOf(request) !== Object.prototype) return;
  const { key, prefer, labels, tried } = request;
  if (prefer !== undefined && typeof prefer !== 'string') {
    throw invalidOption('acquire.prefer', prefer, 'the id of an endpoint');
  }
  if (labels !== undefined && typeof labels !== 'function') {
    throw invalidOption('acquire.labels', labels, 'a function that returns a label by its name');
  }
  if (tried !== undefined && !Array.isArray(tried)) {
    throw invalidOption('acquire.tried', tried, 'an array of endpoints');
  }
  if (key === undefined && prefer === undefined && labels === undefined && tried === undefined) refuseUnknown(request);
}

/** As `checkRequest`, and goes over the names in any case: where a call is only explained. */
export function checkExplained(request: AcquireRequest): void {
  checkRequest(request);
  refuseUnknown(request);
}

function refuseUnknown(request: AcquireRequest): void {
  for (const name in request) if (!KNOWN.has(name)) throw unknownOption('acquire.', name, NAMES);
}
