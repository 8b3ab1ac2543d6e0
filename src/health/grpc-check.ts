import { boolean, callback, readOptions, text } from '../runtime/options.js';
import { type ActiveCheck, type CheckTarget, type CheckTiming, checkTiming, timingOf } from './active-check.js';
import { askGrpcHealth, type GrpcHealthTls, type ServingStatus } from './grpc-health.js';

/**
 * Calls grpc.health.v1.Health/Check and gives the status; NOT_FOUND is `SERVICE_UNKNOWN`, a server without the protocol
 * `UNIMPLEMENTED`. Rejects when there was no answer.
 */
export type GrpcHealthProbe = (target: CheckTarget, service: string, signal: AbortSignal) => Promise<ServingStatus>;

export interface GrpcCheckOptions extends Partial<CheckTiming> {
  /** The service asked about. Default: none, which asks about the server as a whole. */
  readonly service?: string;
  /** Ask over TLS. Default false. */
  readonly tls?: boolean;
  /** With `tls`: whether a certificate that cannot be verified fails the check. Default true. */
  readonly verify?: boolean;
  /** With `tls`: the name asked for and verified. Default the endpoint's host. */
  readonly serverName?: string;
  /** Asks in place of ours, over an adapter's own connections, say; `tls` and what belongs to it is up to it then. */
  readonly probe?: GrpcHealthProbe;
}

interface ReadGrpcCheck extends CheckTiming, GrpcHealthTls {
  readonly service: string | undefined;
  readonly probe: GrpcHealthProbe | undefined;
}

/**
 * Asks by the gRPC health checking protocol, on a new connection each time, without a gRPC library. A server that does
 * not implement it passes, as gRFC A17 has it: it was reached, and says nothing more.
 */
export function grpcCheck(options?: GrpcCheckOptions): ActiveCheck {
  const read = readOptions<ReadGrpcCheck>('grpcCheck', options, {
    ...checkTiming,
    service: text(undefined),
    tls: boolean(false),
    verify: boolean(true),
    serverName: text(undefined),
    probe: callback<GrpcHealthProbe>(),
  });
  const { service = '', tls, verify, serverName, probe } = read;
  const ask: GrpcHealthProbe =
    probe ?? ((target, of, signal) => askGrpcHealth(target, of, { tls, verify, serverName }, signal));
  return {
    name: 'grpc',
    identity: probe === undefined ? `grpc ${JSON.stringify([service, tls, verify, serverName])}` : undefined,
    timing: timingOf(read),
    ask: async (target, signal) => {
      const status = await ask(target, service, signal);
      if (status === 'SERVING' || status === 'UNIMPLEMENTED') return;
      throw new Error(`the server says ${status} of ${service === '' ? 'itself' : `service '${service}'`}`);
    },
  };
}
