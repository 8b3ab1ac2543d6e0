import type { experimental } from '@grpc/grpc-js';
import type { Clock } from '../../../src/index.js';
import { ConnectionStream } from './connection-stream.js';

const WATCH = '/grpc.health.v1.Health/Watch';

/** `HealthCheckResponse.ServingStatus.SERVING` */
const SERVING = 1;

/** `HealthCheckRequest { string service = 1 }` in the wire format: field 1, length-delimited. */
export function encodeHealthRequest(service: string): Buffer {
  const name = Buffer.from(service);
  if (name.length === 0) return name;
  const length: number[] = [];
  let rest = name.length;
  for (; rest > 0x7f; rest >>>= 7) length.push((rest & 0x7f) | 0x80);
  length.push(rest);
  return Buffer.concat([Buffer.from([0x0a, ...length]), name]);
}

/**
 * The status in `HealthCheckResponse { ServingStatus status = 1 }`: field 1, a varint below 128;
 * absent is 0.
 */
export function decodeHealthStatus(response: Buffer): number {
  return response.length >= 2 && response[0] === 0x08 ? response[1]! : 0;
}

/**
 * Asks a server how it is, by the streaming method of the standard health service, over the
 * connection that calls go over. As gRFC A17 says: unhealthy until it says SERVING; a server
 * without the health service counts as healthy; a stream that breaks means unhealthy, and is opened
 * again with backoff.
 */
export class HealthWatch {
  /** Undefined before the first answer, where nothing was known before. */
  healthy: boolean | undefined;
  reason = '';
  readonly #changed: () => void;
  readonly #stream: ConnectionStream;

  constructor(
    subchannel: experimental.SubchannelInterface,
    service: string,
    clock: Clock,
    changed: () => void,
    healthy?: boolean,
  ) {
    this.healthy = healthy;
    this.#changed = changed;
    this.#stream = new ConnectionStream(subchannel, WATCH, encodeHealthRequest(service), clock, {
      message: (response) => {
        const serving = decodeHealthStatus(response);
        this.#tell(serving === SERVING, `its health service says ${SERVING_STATUSES[serving] ?? serving}`);
      },
      broken: (error) => this.#tell(false, `its health service cannot be asked: ${error.message}`),
      unimplemented: () => this.#tell(true, ''),
    });
  }

  close(): void {
    this.#stream.close();
  }

  #tell(healthy: boolean, reason: string): void {
    if (this.healthy === healthy && this.reason === reason) return;
    this.healthy = healthy;
    this.reason = reason;
    this.#changed();
  }
}

const SERVING_STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];
