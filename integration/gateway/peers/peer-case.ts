import type { Socket } from 'node:net';
import type { Received } from '../origin.js';

/** What another proxy makes of a case, and why that is not what ours does. */
export type Difference = readonly [reading: string, why: string];

/**
 * A request as bytes, and what becomes of it: the statuses that the client sees and what follows,
 * then what the server got.
 */
export interface PeerCase {
  readonly rfc: string;
  readonly what: string;
  readonly request: string;
  /** What the server does; default: 200 with the body `ok`. */
  readonly respond?: string | ((socket: Socket, request: Received) => void);
  /** Headers of the request, as the server got it, that are part of the reading. */
  readonly sent?: readonly string[];
  /** Headers of the response that are. */
  readonly got?: readonly string[];
  /** Whether the bodies are, as the server and the client got them. */
  readonly bodies?: true;
  readonly ours: string;
  /** Where it does something else. */
  readonly nginx?: Difference;
  readonly haproxy?: Difference;
}

const head = (lines: readonly string[]): string => lines.map((line) => `${line}\r\n`).join('');

/** A GET with these headers, over a connection that ends with it. */
export const get = (...headers: string[]): string =>
  `${head(['GET /a HTTP/1.1', 'Host: h', ...headers, ...closing(headers)])}\r\n`;

/** A POST with these headers and this body. */
export const post = (headers: readonly string[], body: string): string =>
  `${head(['POST /a HTTP/1.1', 'Host: h', ...headers, ...closing(headers)])}\r\n${body}`;

const closing = (headers: readonly string[]): readonly string[] =>
  headers.some((line) => /^connection:/i.test(line)) ? [] : ['Connection: close'];
