import type { OutgoingHttpHeaders } from 'node:http2';
import type { Endpoint } from '../../../src/index.js';
import type { Outgoing } from '../forward/forwarder.js';
import type { Upstream } from '../forward/upstreams.js';
import { writeGrpcTimeout } from './grpc-timeout.js';
import { headerBlock } from './header-block.js';

export interface StreamIntent {
  readonly method: string;
  readonly out: Outgoing;
  readonly upstream: Upstream;
  /** A header that goes with the call: its lane. */
  readonly carried: readonly [name: string, value: string] | undefined;
  /** The client, or gRPC, wants what follows the body. */
  readonly trailers: boolean;
}

/** The headers of a request to an endpoint. `leftMs`: of the client's own deadline. */
export function requestBlock(
  { method, out, upstream, carried, trailers }: StreamIntent,
  { spec }: Endpoint,
  leftMs: number | undefined,
): OutgoingHttpHeaders {
  const block: OutgoingHttpHeaders = {
    ':method': method,
    ':path': out.path,
    ':scheme': upstream.servername === undefined ? 'http' : 'https',
  };
  headerBlock(out.headers, block);
  const shown = spec.host.includes(':') ? `[${spec.host}]` : spec.host;
  block[':authority'] = upstream.host === 'endpoint' ? `${shown}:${spec.port}` : String(block.host ?? '');
  delete block.host;
  if (carried !== undefined) block[carried[0]] = carried[1];
  if (trailers) block.te = 'trailers';
  if (leftMs !== undefined) block['grpc-timeout'] = writeGrpcTimeout(leftMs);
  return block;
}
