import { forgetAbort, whenAborted } from '../runtime/abort-audience.js';
import { fields, integer, optional, type Reader } from '../runtime/options.js';
import { type ActiveCheck, type CheckTiming, checkTiming, timingOf } from './active-check.js';

export interface TcpCheckOptions extends Partial<CheckTiming> {
  /** Where another port than the endpoint's answers checks; 1 to 65,535. Default the endpoint's. */
  readonly port?: number;
}

interface TcpCheckSettings extends CheckTiming {
  readonly port: number | undefined;
}

export const readTcpCheck: Reader<TcpCheckSettings> = fields<TcpCheckSettings>({
  ...checkTiming,
  port: optional(integer(0, 1, 65_535)),
});

/** Passes when a connection comes to be, and closes it. */
export function tcpCheck(options?: TcpCheckOptions): ActiveCheck {
  const read = readTcpCheck(options, 'tcpCheck');
  return {
    name: 'tcp',
    identity: `tcp ${read.port ?? ''}`,
    timing: timingOf(read),
    ask: ({ host, port }, signal) => ask(host, read.port ?? port, signal),
  };
}

async function ask(host: string, port: number, signal: AbortSignal): Promise<void> {
  // Loaded on the first check: programs without any need not pay for the module.
  const { connect } = await import('node:net');
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    const giveUp = (): void => void socket.destroy(signal.reason);
    whenAborted(signal, giveUp);
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
    socket.once('close', () => forgetAbort(signal, giveUp));
  });
}
