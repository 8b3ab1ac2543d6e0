import { connect as connectPlain, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectSecure } from 'node:tls';
import { judgeAfter } from '../../../src/adapter.js';
import type { Clock, Endpoint } from '../../../src/index.js';

export interface DialSettings {
  /** Milliseconds. */
  readonly connectTimeout: number;
  readonly tls: ConnectionOptions | undefined;
  readonly allowHalfOpen: boolean;
  readonly noDelay: boolean;
  readonly keepAlive: boolean;
}

/** Linux probes an idle connection after two hours by default, which is too late to be of use. */
const KEEP_ALIVE_AFTER_MS = 60_000;

/**
 * Connects to an endpoint, TLS handshake included, within `connectTimeout`; `done` is called once,
 * later. Returns what gives the attempt up.
 */
export function dial(
  clock: Clock,
  settings: DialSettings,
  { spec: { host, port } }: Endpoint,
  done: (error: Error | undefined, socket?: Socket) => void,
): () => void {
  const { connectTimeout, tls, ...rest } = settings;
  const options = { host, port, ...rest, keepAliveInitialDelay: KEEP_ALIVE_AFTER_MS };
  const socket = tls === undefined ? connectPlain(options) : connectSecure({ ...options, ...tls });
  const timer = judgeAfter(clock, connectTimeout, () =>
    socket.destroy(Object.assign(new Error(`connect timeout after ${connectTimeout} ms`), { code: 'ETIMEDOUT' })),
  );
  const failed = (error: Error): void => {
    timer.cancel();
    done(error);
  };
  socket.once('error', failed);
  socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
    timer.cancel();
    socket.off('error', failed);
    done(undefined, socket);
  });
  return () => {
    timer.cancel();
    socket.off('error', failed);
    // What it still reports is of no interest, and would end the process unheard.
    socket.on('error', () => {});
    socket.destroy();
  };
}
