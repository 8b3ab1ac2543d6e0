import { isRefusal } from '../../src/index.js';
import { PARSER_ERROR } from './verdict.js';

/** The error of a response that says so: 4xx and 5xx. */
export interface HttpError extends Error {
  readonly status: number;
  readonly headers: Headers;
  readonly response: Response;
}

/**
 * For those who stay with `service.call()`: throws where a response has a status of 400 or more,
 * and returns it else. The error carries the status, by which the endpoint is judged, and the
 * headers, in which `Retry-After` is found. The body is not read.
 *
 * ```ts
 * await users.call(async (endpoint, signal) => httpError(await fetch(urlOf(endpoint), { signal })));
 * ```
 */
export function httpError(response: Response): Response {
  if (response.status < 400) return response;
  const { status, headers } = response;
  throw Object.assign(new Error(`HTTP status ${status}`), { name: 'HttpError', status, headers, response });
}

/** A response to send for an error. */
export interface HttpStatus {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

const BY_CODE: Readonly<Record<string, number>> = {
  FAIRLEAD_DEADLINE_EXCEEDED: 504,
  FAIRLEAD_NO_ENDPOINT: 503,
  FAIRLEAD_AFFINITY_LOST: 503,
  FAIRLEAD_CIRCUIT_OPEN: 503,
  FAIRLEAD_CLOSED: 503,
  FAIRLEAD_THROTTLED: 503,
  FAIRLEAD_SHARD_UNAVAILABLE: 503,
  FAIRLEAD_CANCELLED: 499,
  FAIRLEAD_UNCERTAIN: 502,
};
/** gRPC's codes as google.rpc.Code maps them to HTTP. */
const BY_GRPC: readonly number[] = [
  200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401,
];
const TIMEOUT_CODES: ReadonlySet<string> = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT']);
const NETWORK_CODES = /^(UND_ERR_|E(CONN|HOST|NET|PIPE|AI_)|ENOTFOUND)/;
const MS_PER_S = 1_000;

/**
 * The status and headers with which a handler of Express, Fastify or node:http answers what
 * fairlead and gRPC throw: a refusal is 429 with `Retry-After` where one is known, no endpoint 503,
 * a deadline 504, gRPC's NOT_FOUND 404, a network error, also behind FAIRLEAD_UNCERTAIN, 502;
 * anything else 500. An error that carries a `status` or `statusCode` of its own keeps it.
 */
export function httpStatusOf(error: unknown): HttpStatus {
  if (typeof error !== 'object' || error === null) return { status: 500, headers: {} };
  const { code, name, status, statusCode, cause, retryAfterMs } = error as Record<string, unknown>;
  const own = typeof status === 'number' ? status : statusCode;
  if (typeof own === 'number' && own >= 400 && own <= 599) return { status: own, headers: {} };
  if (typeof code === 'string') {
    const known = BY_CODE[code];
    if (known !== undefined) return { status: known, headers: retryAfter(known === 503 ? retryAfterMs : undefined) };
    if (isRefusal(error)) return { status: 429, headers: retryAfter(retryAfterMs) };
    if (TIMEOUT_CODES.has(code)) return { status: 504, headers: {} };
    if (NETWORK_CODES.test(code)) return { status: 502, headers: {} };
  }
  if (name === PARSER_ERROR) return { status: 502, headers: {} };
  if (typeof code === 'number' && 'details' in error) return { status: BY_GRPC[code] ?? 500, headers: {} };
  // fetch wraps the network's error.
  if (error instanceof TypeError && cause !== undefined && cause !== error) return httpStatusOf(cause);
  return { status: 500, headers: {} };
}

/** Whole seconds, rounded up: RFC 9110, 10.2.3. */
const retryAfter = (ms: unknown): Readonly<Record<string, string>> =>
  typeof ms === 'number' && Number.isFinite(ms) && ms >= 0 ? { 'retry-after': String(Math.ceil(ms / MS_PER_S)) } : {};
