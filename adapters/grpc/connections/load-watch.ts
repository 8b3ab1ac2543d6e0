import type { experimental } from '@grpc/grpc-js';
import { WireWriter } from '../../../src/adapter.js';
import type { Endpoint } from '../../../src/index.js';
import { takeLoadReport } from '../common/orca.js';
import { ConnectionStream, type StreamContext } from './connection-stream.js';

const STREAM = '/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics';

const MS_PER_S = 1_000;
const NANOS_PER_MS = 1_000_000;

/**
 * `OrcaLoadReportRequest { google.protobuf.Duration report_interval = 1 }`, whose fields are
 * seconds = 1 and nanos = 2.
 */
export function encodeLoadReportRequest(intervalMs: number): Buffer {
  const seconds = Math.floor(intervalMs / MS_PER_S);
  const nanos = Math.round((intervalMs - seconds * MS_PER_S) * NANOS_PER_MS);
  const duration = new WireWriter();
  if (seconds > 0) duration.varint(1, seconds);
  if (nanos > 0) duration.varint(2, nanos);
  return new WireWriter().message(1, duration).finish();
}

/**
 * Asks a server to report its load every so often, apart from calls (gRFC A51, "out-of-band"), over
 * the connection that calls go over. A server without that service reports nothing, and its
 * endpoint gets the mean weight.
 */
export class LoadWatch {
  readonly #stream: ConnectionStream;

  constructor(
    subchannel: experimental.SubchannelInterface,
    endpoint: Endpoint,
    intervalMs: number,
    context: StreamContext,
  ) {
    this.#stream = new ConnectionStream(subchannel, STREAM, encodeLoadReportRequest(intervalMs), context, {
      message: (report) => takeLoadReport(endpoint, report, context.clock),
      // What was reported expires by itself.
      broken: () => {},
    });
  }

  close(): void {
    this.#stream.close();
  }
}
