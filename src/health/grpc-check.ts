import { callback, fields, integer, invalidOption, optional, type Reader, text } from '../runtime/options.js';
import {
  type ActiveCheck,
  type CheckTarget,
  type CheckTiming,
  checkTiming,
  identityOf,
  timingOf,
} from './active-check.js';
import { type CheckTls, type CheckTlsSettings, checkTls, connectOptions } from './check-tls.js';
import { askGrpcHealth } from './grpc-health.js';
import type { ServingStatus } from './grpc-health-messages.js';

/**
 * Calls grpc.health.v1.Health/Check and returns the status; NOT_FOUND is `SERVICE_UNKNOWN`, a
 * server without the protocol `UNIMPLEMENTED`. Rejects when there was no answer.
 */
export type GrpcHealthProbe = (target: CheckTarget, service: string, signal: AbortSignal) => Promise<ServingStatus>;

export interface GrpcCheckOptions extends Partial<CheckTiming>, CheckTls {
  /** The service asked about. Default: none, which asks about the server as a whole. */
  readonly service?: string;
  /** Where another port than the endpoint's answers checks; 1 to 65,535. Default the endpoint's. */
  readonly port?: number;
  /** Replaces the built-in one, over an adapter's own connections, say, and so without `tls`. */
  readonly probe?: GrpcHealthProbe;
}

interface GrpcCheckSettings extends CheckTiming, CheckTlsSettings {
  readonly service: string | undefined;
  readonly port: number | undefined;
  readonly probe: GrpcHealthProbe | undefined;
}

export const readGrpcCheck: Reader<GrpcCheckSettings> = fields<GrpcCheckSettings>({
  ...checkTiming,
  service: text(undefined),
  port: optional(integer(0, 1, 65_535)),
  ...checkTls,
  probe: callback<GrpcHealthProbe>(),
});

/**
 * Asks by the gRPC health checking protocol, on a new connection each time, without a gRPC library.
 * A server that does not implement it passes, as gRFC A17 has it: it was reached, and says nothing
 * more.
 */
export function grpcCheck(options?: GrpcCheckOptions): ActiveCheck {
  const read = readGrpcCheck(options, 'grpcCheck');
  const { service = '', port, probe } = read;
  const tls = connectOptions('grpcCheck', read);
  if (probe !== undefined && tls !== undefined)
    throw invalidOption('grpcCheck.tls', true, 'none with a probe of your own');
  const ask: GrpcHealthProbe = probe ?? ((target, of, signal) => askGrpcHealth(target, of, tls, signal));
  return {
    name: 'grpc',
    identity: probe === undefined ? identityOf('grpc', read) : undefined,
    timing: timingOf(read),
    ask: async ({ host, port: own }, signal) => {
      const status = await ask({ host, port: port ?? own }, service, signal);
      if (status === 'SERVING' || status === 'UNIMPLEMENTED') return;
      throw new Error(`the server says ${status} of ${service === '' ? 'itself' : `service '${service}'`}`);
    },
  };
}
