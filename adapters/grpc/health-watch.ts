import {
  Client,
  type ClientReadableStream,
  credentials,
  type experimental,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import type { Clock, Timer } from '../../src/index.js';

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

/** The status in `HealthCheckResponse { ServingStatus status = 1 }`: field 1, a varint below 128; absent is 0. */
export function decodeHealthStatus(response: Buffer): number {
  return response.length >= 2 && response[0] === 0x08 ? response[1]! : 0;
}

/** The first wait after a stream that told nothing, and how it grows: those of gRPC's connection backoff. */
const FIRST_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 120_000;
const BACKOFF_FACTOR = 1.6;

/**
 * Asks a server how it is, by the streaming method of the standard health service, over the connection that calls go
 * over. As gRFC A17 says: unhealthy until it says SERVING; a server without the health service counts as healthy; a
 * stream that breaks means unhealthy, and is opened again with backoff.
 */
export class HealthWatch {
  /** Undefined before the first answer. */
  healthy: boolean | undefined = undefined;
  reason = '';
  readonly #client: Client;
  readonly #request: Buffer;
  readonly #clock: Clock;
  readonly #changed: () => void;
  #stream: ClientReadableStream<Buffer> | undefined;
  #timer: Timer | undefined;
  #backoffMs = FIRST_BACKOFF_MS;
  #closed = false;

  constructor(subchannel: experimental.SubchannelInterface, service: string, clock: Clock, changed: () => void) {
    this.#request = encodeHealthRequest(service);
    this.#clock = clock;
    this.#changed = changed;
    // The channel of the one connection: never balanced, never retried, gone with it.
    const channelOverride = subchannel.getChannel();
    this.#client = new Client('health', credentials.createInsecure(), { channelOverride });
    this.#open();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#stream?.cancel();
  }

  #open(): void {
    const same = (bytes: Buffer): Buffer => bytes;
    const stream = this.#client.makeServerStreamRequest(WATCH, same, same, this.#request, new Metadata());
    this.#stream = stream;
    stream.on('data', (response: Buffer) => {
      this.#backoffMs = FIRST_BACKOFF_MS;
      const serving = decodeHealthStatus(response);
      this.#tell(serving === SERVING, `its health service says ${SERVING_STATUSES[serving] ?? serving}`);
    });
    stream.on('error', (error: ServiceError) => this.#ended(error));
    stream.on('end', () => {});
  }

  #ended(error: ServiceError): void {
    if (this.#closed) return;
    if (error.code === status.UNIMPLEMENTED) {
      this.#tell(true, '');
      return;
    }
    this.#tell(false, `its health service cannot be asked: ${error.message}`);
    this.#timer = this.#clock.after(this.#backoffMs, () => this.#open());
    this.#backoffMs = Math.min(this.#backoffMs * BACKOFF_FACTOR, MAX_BACKOFF_MS);
  }

  #tell(healthy: boolean, reason: string): void {
    if (this.#closed || (this.healthy === healthy && this.reason === reason)) return;
    this.healthy = healthy;
    this.reason = reason;
    this.#changed();
  }
}

const SERVING_STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];
