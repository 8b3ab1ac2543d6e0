import { optionReaders } from '../../../src/adapter.js';

/** How the gateway speaks HTTP/2 with the endpoints of a service. */
export interface BackHttp2Options {
  /**
   * Whether an endpoint is there is asked by a PING, so often while it has requests; milliseconds.
   * Servers of gRPC close connections that ask more often than they allow, many once in five
   * minutes. Default 0: never; else 1,000 to 3,600,000.
   */
  readonly pingIntervalMs?: number;
  /** So long it may take to answer one; milliseconds. Default 20,000; 100 to 3,600,000. */
  readonly pingTimeoutMs?: number;
  /**
   * A connection without requests stays open this long; milliseconds. Default 300,000; 1 to
   * 3,600,000.
   */
  readonly idleMs?: number;
  /**
   * Requests that may wait for an endpoint whose connections are full; what comes then is refused.
   * Default 1,000; 0 to 100,000.
   */
  readonly maxWaiting?: number;
}

export interface BackHttp2Settings {
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
  readonly idleMs: number;
  readonly maxWaiting: number;
}

const { fields, integer, number } = optionReaders;
type Reader<T> = optionReaders.Reader<T>;

const HOUR_MS = 3_600_000;

const read = fields<BackHttp2Settings>({
  pingIntervalMs: number(0, 0, HOUR_MS),
  pingTimeoutMs: number(20_000, 100, HOUR_MS),
  idleMs: number(300_000, 1, HOUR_MS),
  maxWaiting: integer(1_000, 0, 100_000),
});

export const readBackHttp2: Reader<BackHttp2Settings> = (value, name) => read(value ?? {}, name);
