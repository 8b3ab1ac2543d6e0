import type { Metadata } from '@grpc/grpc-js';
import { type LoadReport, reportLoad, WireReader, WireType } from '../../../src/adapter.js';
import type { Clock, Endpoint } from '../../../src/index.js';

/** The trailer in which a server reports its load with every call (gRFC A51). */
const TRAILER = 'endpoint-load-metrics-bin';

/** Fields of `xds.data.orca.v3.OrcaLoadReport` that balancing goes by; all are doubles. */
const CPU_UTILIZATION = 1;
const RPS_FRACTIONAL = 6;
const EPS = 7;
const APPLICATION_UTILIZATION = 9;

/** Whether trailers, as they came over the wire, report a load. */
export function carriesLoad(trailers: Readonly<Record<string, unknown>>): boolean {
  return trailers[TRAILER] !== undefined;
}

/** Hands on what the trailers of a call report of the endpoint's load, if they do. Never throws. */
export function takeLoadTrailer(endpoint: Endpoint, trailers: Metadata | null | undefined, clock: Clock): void {
  const value = trailers?.get(TRAILER)[0];
  if (value !== undefined && typeof value !== 'string') takeLoadReport(endpoint, value, clock);
}

/** Hands on a load report, if it is one. Never throws. */
export function takeLoadReport(endpoint: Endpoint, bytes: Uint8Array, clock: Clock): void {
  const report = decodeLoadReport(bytes);
  if (report !== undefined) reportLoad(endpoint, report, clock.now());
}

/**
 * Reads a load report. grpc-js has a decoder, but it parses the schema anew for every message, at
 * some 10 ms each; these four numbers need none. Returns undefined for what is not a report.
 */
export function decodeLoadReport(bytes: Uint8Array): LoadReport | undefined {
  let cpu = 0;
  let application = 0;
  let requestsPerSecond = 0;
  let errorsPerSecond = 0;
  try {
    const reader = new WireReader(bytes);
    while (reader.next()) {
      if (reader.type !== WireType.Fixed64) continue;
      if (reader.field === CPU_UTILIZATION) cpu = reader.double();
      else if (reader.field === RPS_FRACTIONAL) requestsPerSecond = reader.double();
      else if (reader.field === EPS) errorsPerSecond = reader.double();
      else if (reader.field === APPLICATION_UTILIZATION) application = reader.double();
    }
  } catch {
    return undefined;
  }
  // A58: the application's own measure of utilization goes before that of the processor.
  return { requestsPerSecond, errorsPerSecond, utilization: application > 0 ? application : cpu };
}
