import { BalancedPool, type Dispatcher, interceptors } from 'undici';

/**
 * To compare with: undici's BalancedPool, as well as it can be set up, with the repeats that fairlead
 * makes.
 */
export function balancedPool(http: readonly string[], connections: number, deadlineMs: number): Dispatcher {
  const options = { connections, connect: { timeout: 500 }, headersTimeout: deadlineMs, bodyTimeout: deadlineMs };
  const urls = http.map((address) => `http://${address}`);
  const repeat = interceptors.retry({ maxRetries: 2, minTimeout: 25, methods: ['GET', 'PUT'] });
  return new BalancedPool(urls, options).compose(repeat);
}
