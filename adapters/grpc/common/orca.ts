import type { Metadata } from '@grpc/grpc-js';
import { type LoadReport, reportLoad } from '../../../src/adapter.js';
import type { Clock, Endpoint } from '../../../src/index.js';

/** The trailer in which a server reports its load with every call (gRFC A51). */
const TRAILER = 'endpoint-load-metrics-bin';

/** Fields of `xds.data.orca.v3.OrcaLoadReport` that balancing goes by; all are doubles. */
const CPU_UTILIZATION = 1;
const RPS_FRACTIONAL = 6;
const EPS = 7;
const APPLICATION_UTILIZATION = 9;

/** Wire types of protobuf. */
const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

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
 * some 10 ms each; these four numbers need none. Gives undefined for what is not a report.
 */
export function decodeLoadReport(bytes: Uint8Array): LoadReport | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let cpu = 0;
  let application = 0;
  let requestsPerSecond = 0;
  let errorsPerSecond = 0;
  let at = 0;
  while (at < bytes.length) {
    // All known fields have a tag of one byte.
    const tag = bytes[at++]!;
    const wire = tag & 7;
    if (wire === FIXED64) {
      if (at + 8 > bytes.length) return undefined;
      const value = view.getFloat64(at, true);
      if (tag >> 3 === CPU_UTILIZATION) cpu = value;
      else if (tag >> 3 === RPS_FRACTIONAL) requestsPerSecond = value;
      else if (tag >> 3 === EPS) errorsPerSecond = value;
      else if (tag >> 3 === APPLICATION_UTILIZATION) application = value;
      at += 8;
    } else if (wire === FIXED32) {
      at += 4;
    } else if (wire === VARINT || wire === LENGTH_DELIMITED) {
      let value = 0;
      let scale = 1;
      for (;;) {
        if (at >= bytes.length) return undefined;
        const byte = bytes[at++]!;
        value += (byte & 0x7f) * scale;
        if (byte < 0x80) break;
        scale *= 0x80;
      }
      if (wire === LENGTH_DELIMITED) at += value;
    } else {
      return undefined;
    }
  }
  if (at !== bytes.length) return undefined;
  // A58: the application's own measure of utilization goes before that of the processor.
  return { requestsPerSecond, errorsPerSecond, utilization: application > 0 ? application : cpu };
}
