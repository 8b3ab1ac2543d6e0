import type { IncomingHttpHeaders } from 'node:http';
import { FairleadError } from '../../runtime/errors.js';

/** Takes a body as it arrives. What it throws fails the request. */
export interface BodyReader {
  write(chunk: Buffer): void;
  /** The body is complete. */
  end?(): void;
}

export interface ConsulRequest {
  readonly method: 'GET' | 'PUT';
  /** For messages: `health.service`. */
  readonly name: string;
  /** The path after `/v1`, with `{name}` where `params` go. */
  readonly path: string;
  readonly params?: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string | readonly string[]>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Until the head of the answer is here; milliseconds. */
  readonly timeoutMs: number;
  /**
   * For the body after that: between any two pieces of it, and for all of it together with a second
   * more for each 64 KiB that came; milliseconds. Default `timeoutMs`.
   */
  readonly bodyTimeoutMs?: number;
  readonly signal: AbortSignal;
  /**
   * Reads the body of a 200. Default: it is thrown away, and not read to its end where it is long.
   */
  readonly reader?: BodyReader;
}

export interface ConsulResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The beginning of the body where the status is not 200, for messages. No secret is in it. */
  readonly text: string;
}

/** Nothing came back at all: refused, reset, timed out before the head of an answer. */
export class UnansweredError extends FairleadError {}

/**
 * One exchange with an agent. Resolves with any status; rejects with a FAIRLEAD_DISCOVERY error,
 * which contains no secret, when there was no whole answer: refused, reset, cut off, timed out.
 */
export interface ConsulTransport {
  /** For messages: where it talks to. */
  readonly address: string;
  /** For messages: whether it shows a token. */
  readonly hasToken: boolean;
  send(request: ConsulRequest): Promise<ConsulResponse>;
  /** Closes the idle connections. */
  close(): void;
}
