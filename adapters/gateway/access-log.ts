import { optionReaders } from '../../src/adapter.js';
import type { Clock } from '../../src/index.js';
import type { Passage } from './forward/passage.js';

/** What the access log tells of one request, when its response has ended. */
export interface AccessEntry {
  /** When the request came: ISO 8601. */
  readonly time: string;
  readonly requestId?: string;
  /** Of `traceparent`, where the request has a valid one. */
  readonly traceId?: string;
  /** The client's address. */
  readonly client?: string;
  readonly method: string;
  readonly host: string;
  /** Without the query, which may hold secrets. */
  readonly path: string;
  readonly protocol: string;
  readonly route?: string;
  readonly service?: string;
  /** The id of the endpoint that answered. */
  readonly endpoint?: string;
  /** 0 where the client went before there was one. */
  readonly status: number;
  /** Of a call of gRPC that has ended with one. */
  readonly grpcStatus?: number;
  /** Of the response's body. */
  readonly bytes: number;
  readonly durationMs: number;
  /** The route's `fallback` answered; left out where it did not. */
  readonly fallback?: true;
  /** The response broke off. */
  readonly broken: boolean;
}

/** What is needed of a logger such as pino. */
export interface AccessLogger {
  info(entry: AccessEntry, message: string): void;
}

export type AccessLog = (entry: AccessEntry) => void;

const { invalidOption } = optionReaders;

/** `true`, a function or a logger. Throws FAIRLEAD_INVALID_OPTION. */
export function readAccessLog(value: unknown, name: string): AccessLog | undefined {
  if (value === undefined || value === false) return undefined;
  if (value === true) return (entry) => void process.stdout.write(`${JSON.stringify(entry)}\n`);
  if (typeof value === 'function') return value as AccessLog;
  const logger = value as AccessLogger | null;
  if (typeof logger?.info === 'function') return (entry) => logger.info(entry, 'request');
  throw invalidOption(name, value, 'true, a function, or a logger with a method info');
}

/** W3C Trace Context, 3.2: version 00, and what later versions keep of it. */
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/;

/** A log that fails stops nothing. */
export function logAccess(log: AccessLog, passage: Passage, clock: Clock): void {
  const { request, head, route, endpoint, client, status, bytes, broken, startMs, requestId } = passage;
  const durationMs = clock.now() - startMs;
  const traceId = TRACEPARENT.exec(String(request.headers.traceparent ?? ''))?.[1];
  const service = route?.settings.service;
  try {
    log({
      time: new Date(clock.wallMs() - durationMs).toISOString(),
      ...(requestId !== undefined && { requestId }),
      ...(traceId !== undefined && { traceId }),
      ...(client !== undefined && { client }),
      method: request.method ?? '',
      host: head?.authority ?? request.headers.host ?? '',
      path: (request.url ?? '').split('?', 1)[0]!,
      protocol: `HTTP/${request.httpVersion}`,
      ...(route !== undefined && { route: route.settings.name }),
      ...(service !== undefined && { service }),
      ...(endpoint !== undefined && { endpoint: endpoint.spec.id }),
      status,
      ...(passage.grpcStatus !== undefined && { grpcStatus: passage.grpcStatus }),
      ...(passage.fellBack && { fallback: true as const }),
      bytes,
      durationMs: Math.round(durationMs * 1_000) / 1_000,
      broken,
    });
  } catch {
    // It is the user's.
  }
}
