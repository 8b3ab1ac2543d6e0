import { invalidOption, type Reader, readOptions, text } from '../runtime/options.js';
import { type ActiveCheck, type CheckTarget, type CheckTiming, checkTiming, timingOf } from './active-check.js';

/** Resolves when the endpoint is well, rejects with the reason when not. Must give up when the signal aborts. */
export type CheckProbe = (target: CheckTarget, signal: AbortSignal) => Promise<void>;

export interface CustomCheckOptions extends Partial<CheckTiming> {
  /** The name in events and errors. Default 'custom'. */
  readonly name?: string;
  readonly ask: CheckProbe;
}

/** A check of your own, or of an adapter: `customCheck({ ask: async ({ host, port }, signal) => … })`. */
export function customCheck(options: CustomCheckOptions): ActiveCheck {
  const read = readOptions<CheckTiming & { name: string; ask: CheckProbe }>('customCheck', options, {
    ...checkTiming,
    name: text('custom'),
    ask: probe,
  });
  return { name: read.name, identity: undefined, timing: timingOf(read), ask: read.ask };
}

/** What a gRPC server says of a service, by the names of grpc.health.v1.HealthCheckResponse.ServingStatus. */
export type ServingStatus = 'SERVING' | 'NOT_SERVING' | 'UNKNOWN' | 'SERVICE_UNKNOWN' | 'UNIMPLEMENTED';

/**
 * Calls grpc.health.v1.Health/Check and gives the status; NOT_FOUND is `SERVICE_UNKNOWN`, a server without the protocol
 * `UNIMPLEMENTED`. Rejects when there was no answer. The gRPC adapter has one.
 */
export type GrpcHealthProbe = (target: CheckTarget, service: string, signal: AbortSignal) => Promise<ServingStatus>;

export interface GrpcCheckOptions extends Partial<CheckTiming> {
  readonly probe: GrpcHealthProbe;
  /** The service asked about. Default: none, which asks about the server as a whole. */
  readonly service?: string;
}

/**
 * Asks by the gRPC health checking protocol. A server that does not implement it passes, as gRFC A17 has it: it was
 * reached, and says nothing more.
 */
export function grpcCheck(options: GrpcCheckOptions): ActiveCheck {
  const read = readOptions<CheckTiming & { probe: GrpcHealthProbe; service: string | undefined }>(
    'grpcCheck',
    options,
    {
      ...checkTiming,
      probe,
      service: text(undefined),
    },
  );
  const service = read.service ?? '';
  return {
    name: 'grpc',
    identity: undefined,
    timing: timingOf(read),
    ask: async (target, signal) => {
      const status = await read.probe(target, service, signal);
      if (status === 'SERVING' || status === 'UNIMPLEMENTED') return;
      throw new Error(`the server says ${status} of ${service === '' ? 'itself' : `service '${service}'`}`);
    },
  };
}

const probe: Reader<never> = (value, name) => {
  if (typeof value === 'function') return value as never;
  throw invalidOption(name, value, 'a function that asks an endpoint');
};
