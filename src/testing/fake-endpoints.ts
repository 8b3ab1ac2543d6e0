import { readEndpoint } from '../discovery/endpoint-input.js';
import type { EndpointSpec } from '../endpoint/endpoint.js';
import { FairleadError } from '../runtime/errors.js';

/**
 * `count` endpoints named e0, e1, … at 127.0.0.1 on ports from 5,001: nothing listens there. `more`
 * is given to each, or made for each from its index: `fakeEndpoints(6, (i) => ({ zone: i < 3 ? 'a'
 * : 'b' }))`. Throws FAIRLEAD_INVALID_OPTION for a spec that is not right, or for more than 60,000.
 */
export function fakeEndpoints(
  count: number,
  more: Partial<EndpointSpec> | ((index: number) => Partial<EndpointSpec>) = {},
): EndpointSpec[] {
  if (!Number.isInteger(count) || count < 0 || count > MAX_COUNT) {
    throw new FairleadError(
      'FAIRLEAD_INVALID_OPTION',
      `fakeEndpoints count is ${count}: allowed is 0 to ${MAX_COUNT}.`,
    );
  }
  return Array.from({ length: count }, (_, index) =>
    readEndpoint(
      {
        id: `e${index}`,
        host: '127.0.0.1',
        port: FIRST_PORT + index,
        ...(typeof more === 'function' ? more(index) : more),
      },
      `fakeEndpoints[${index}]`,
    ),
  );
}

const FIRST_PORT = 5_001;
/** Ports end at 65,535. */
const MAX_COUNT = 60_000;
