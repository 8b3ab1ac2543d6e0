import type { experimental } from '@grpc/grpc-js';
import type { Clock, Endpoint } from '../../../src/index.js';
import { takeLoadReport } from '../common/orca.js';
import { ConnectionStream } from './connection-stream.js';

const STREAM = '/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics';

const MS_PER_S = 1_000;
const NANOS_PER_MS = 1_000_000;

/** A number of up to 53 bits as a varint. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return bytes;
}

/**
 * `OrcaLoadReportRequest { google.protobuf.Duration report_interval = 1 }`, whose fields are
 * seconds = 1 and nanos = 2, in the wire format. All three messages are shorter than 128 bytes.
 */
export function encodeLoadReportRequest(intervalMs: number): Buffer {
  const seconds = Math.floor(intervalMs / MS_PER_S);
  const nanos = Math.round((intervalMs - seconds * MS_PER_S) * NANOS_PER_MS);
  const duration = [...(seconds > 0 ? [0x08, ...varint(seconds)] : []), ...(nanos > 0 ? [0x10, ...varint(nanos)] : [])];
  return Buffer.from([0x0a, duration.length, ...duration]);
}

/**
 * Asks a server to report its load every so often, apart from calls (gRFC A51, "out-of-band"), over
 * the connection that calls go over. A server without that service reports nothing, and its
 * endpoint gets the mean weight.
 */
export class LoadWatch {
  readonly #stream: ConnectionStream;

  constructor(subchannel: experimental.SubchannelInterface, endpoint: Endpoint, intervalMs: number, clock: Clock) {
    this.#stream = new ConnectionStream(subchannel, STREAM, encodeLoadReportRequest(intervalMs), clock, {
      message: (report) => takeLoadReport(endpoint, report, clock),
      // What was reported expires by itself.
      broken: () => {},
    });
  }

  close(): void {
    this.#stream.close();
  }
}
