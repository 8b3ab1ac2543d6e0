import type { Socket } from 'node:net';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import {
  type CallCounter,
  Connecting,
  callCounter,
  callPlanning,
  checkMesh,
  currentRoutingKey,
  forgetAbort,
  optionReaders,
  tlsSwitch,
  whenAborted,
} from '../../src/adapter.js';
import { FairleadError, type Lease, type Mesh, type RoutingKey } from '../../src/index.js';
import { type DialSettings, dial } from './common/dial.js';
import { DAY_MS, serviceName, signal } from './common/options.js';
import { outcomeOfEnd } from './common/verdict.js';

export interface TcpConnectionOptions {
  readonly service: string;
  /**
   * `true`, or options of `tls.connect`. The certificate must name `servername`, by default the
   * endpoint's host. Default: plain.
   */
  readonly tls?: boolean | ConnectionOptions;
  /**
   * How long one attempt may take, its TLS handshake included; milliseconds. Default 2,000; 1 to
   * 86,400,000.
   */
  readonly connectTimeout?: number;
  /** What to hash or be sticky by. Default: the key of `withRoutingKey`. */
  readonly key?: RoutingKey;
  /** The id of the endpoint to use, if it may be picked. */
  readonly prefer?: string;
  /** As in `net.connect`. Default false. */
  readonly allowHalfOpen?: boolean;
  /** As in `net.connect`. Default true. */
  readonly noDelay?: boolean;
  /** Probes an idle connection after a minute. Default true. */
  readonly keepAlive?: boolean;
  /** Gives up connecting; a connection that came to be is the caller's. */
  readonly signal?: AbortSignal;
}

interface Settings extends DialSettings {
  readonly service: string;
  readonly key: RoutingKey | undefined;
  readonly prefer: string | undefined;
  readonly signal: AbortSignal | undefined;
}

const { boolean, number, readOptions, text, unchecked } = optionReaders;

/**
 * A connection to an endpoint of a service: a connected `net.Socket`, or `tls.TLSSocket`. An
 * endpoint that cannot be connected to is left for another one, as nothing was sent; what fails
 * later is the caller's.
 *
 * The lease lasts until the socket closes: its load is one connection. A reset, or another loss,
 * speaks against the endpoint; a clean end, and what the caller destroys, does not. The service's
 * deadline and hedging do not apply to connections.
 *
 * Rejects with the network's error of the last attempt, FAIRLEAD_NO_ENDPOINT, FAIRLEAD_CANCELLED
 * and what else `service.acquire` throws; throws FAIRLEAD_INVALID_OPTION.
 *
 * ```ts
 * const socket = await createConnection(mesh, { service: 'cache' });
 * socket.write('PING\r\n');
 * ```
 */
export function createConnection(
  mesh: Mesh,
  options: TcpConnectionOptions & { readonly tls: true | ConnectionOptions },
): Promise<TLSSocket>;
export function createConnection(mesh: Mesh, options: TcpConnectionOptions): Promise<Socket>;
export function createConnection(mesh: Mesh, options: TcpConnectionOptions): Promise<Socket> {
  checkMesh('createConnection', mesh);
  const settings = readOptions<Settings>('createConnection', options, {
    service: serviceName,
    tls: tlsSwitch,
    connectTimeout: number(2_000, 1, DAY_MS),
    // Checked by `acquire`.
    key: unchecked<RoutingKey>(),
    prefer: text(undefined),
    allowHalfOpen: boolean(false),
    noDelay: boolean(true),
    keepAlive: boolean(true),
    signal,
  });
  return connectTo(mesh, settings);
}

function connectTo(mesh: Mesh, settings: Settings): Promise<Socket> {
  const { service: name, key = currentRoutingKey(), prefer, signal, ...how } = settings;
  const { clock } = mesh;
  const service = mesh.service(name);
  return new Promise((resolve, reject) => {
    const cancelled = (): void => {
      const message = `Connecting to service '${name}' was cancelled by the caller's signal.`;
      reject(new FairleadError('FAIRLEAD_CANCELLED', message, { service: name, cause: signal?.reason }));
    };
    if (signal?.aborted) {
      cancelled();
      return;
    }
    const onAbort = (): void => {
      connecting.cancel();
      cancelled();
    };
    if (signal !== undefined) whenAborted(signal, onAbort);
    const connecting = new Connecting<Socket>(
      { service, planning: callPlanning(service), clock },
      { key, prefer },
      (endpoint, done) => dial(clock, how, endpoint, done),
      (error, lease, socket) => {
        if (signal !== undefined) forgetAbort(signal, onAbort);
        if (error !== undefined) {
          reject(error);
          return;
        }
        keep(lease!, socket!, callCounter(service, 'tcp'));
        // An ejection for connect failures ends here: a connection may live for days.
        if (lease!.endpoint.state === 'probing') service.reportRecovered(lease!.endpoint);
        resolve(socket!);
      },
    );
  });
}

/** No listener for errors: an error that the caller does not hear must end the process as ever. */
function keep(lease: Lease, socket: Socket, counter: CallCounter): void {
  socket.once('close', () => {
    counter.bytes(lease.endpoint, socket.bytesWritten, socket.bytesRead);
    lease.done(outcomeOfEnd(socket.errored));
  });
}
