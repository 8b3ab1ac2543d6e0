import type { experimental } from '@grpc/grpc-js';
import { decodeHealthStatus, encodeHealthRequest } from '../../../src/adapter.js';
import { ConnectionStream, type StreamContext } from './connection-stream.js';

const WATCH = '/grpc.health.v1.Health/Watch';

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
    context: StreamContext,
    changed: () => void,
    healthy?: boolean,
  ) {
    this.healthy = healthy;
    this.#changed = changed;
    this.#stream = new ConnectionStream(subchannel, WATCH, encodeHealthRequest(service), context, {
      message: (response) => {
        const status = decodeHealthStatus(response);
        this.#tell(status === 'SERVING', `its health service says ${status ?? 'something else'}`);
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
