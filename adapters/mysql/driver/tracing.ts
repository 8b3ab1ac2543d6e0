import { tracingChannel } from 'node:diagnostics_channel';
import { optionReaders } from '../../../src/adapter.js';

/** mysql2's channel of pools: tracers measure by it how long callers wait for a connection. */
const channel = tracingChannel<unknown, object>('mysql2:pool:connect');

type Callback<Connection> = (error: unknown, connection?: Connection) => void;

/**
 * Traces `acquire` as mysql2 traces its pools' `getConnection`. The server is not known yet: the
 * address is the name of the service.
 */
export function tracePoolConnect<Connection>(
  service: string,
  database: unknown,
  acquire: (callback: Callback<Connection>) => void,
  callback: Callback<Connection>,
): void {
  if (typeof callback !== 'function') throw optionReaders.invalidOption('getConnection', callback, 'a callback');
  if (!channel.hasSubscribers) acquire(callback);
  else {
    const context = { database: database ?? '', serverAddress: service, serverPort: undefined };
    channel.traceCallback(acquire as never, 0, context as never, undefined as never, callback as never);
  }
}
