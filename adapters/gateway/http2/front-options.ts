import { optionReaders } from '../../../src/adapter.js';

/** How the gateway speaks HTTP/2 with clients. */
export interface FrontHttp2Options {
  /** Requests that a connection may have at once. Default 100; 1 to 100,000. */
  readonly maxStreams?: number;
  /**
   * Requests that a client may take back (RST_STREAM) before they are answered, each second, with
   * ten seconds' worth at once; a connection with more is closed (CVE-2023-44487). Default 50; 1 to
   * 100,000.
   */
  readonly resetsPerSecond?: number;
  /**
   * PING and SETTINGS frames that a client may send each second, with ten seconds' worth at once; a
   * connection with more is closed (CVE-2019-9512, CVE-2019-9515). Default 20; 1 to 100,000.
   */
  readonly controlFramesPerSecond?: number;
  /**
   * A response that its client takes nothing of for this long is broken off; milliseconds. Default
   * 60,000; 0 (for ever) to 3,600,000.
   */
  readonly stalledMs?: number;
}

export interface FrontHttp2Settings {
  readonly maxStreams: number;
  readonly resetsPerSecond: number;
  readonly controlFramesPerSecond: number;
  readonly stalledMs: number;
}

const { fields, integer, number, onOff } = optionReaders;
type Reader<T> = optionReaders.Reader<T>;

const HOUR_MS = 3_600_000;

const settings = fields<FrontHttp2Settings>({
  maxStreams: integer(100, 1, 100_000),
  resetsPerSecond: number(50, 1, 100_000),
  controlFramesPerSecond: number(20, 1, 100_000),
  stalledMs: number(60_000, 0, HOUR_MS),
});

/** Undefined where it speaks HTTP/1.1 alone. */
export const readFrontHttp2: Reader<FrontHttp2Settings | undefined> = onOff(settings, true);
