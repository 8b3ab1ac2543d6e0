/**
 * How a call ended, judged from the endpoint's side: not "did the caller get what it wanted" but
 * "what does this say about the endpoint". Small integers, because they are passed on every call.
 */
export const Outcome = {
  /** It answered. */
  Success: 0,
  /**
   * It answered with an error of the application (NOT_FOUND, a duplicate key): the endpoint is
   * well.
   */
  ApplicationError: 1,
  /** The caller gave up, or nothing was sent: this says nothing about the endpoint. */
  Cancelled: 2,
  /** It failed the call: UNAVAILABLE, a dropped connection, an internal error. */
  Failure: 3,
  /**
   * It could not be reached at all: refused, unreachable, handshake failed. Nothing was executed.
   */
  ConnectFailure: 4,
  /** It did not answer in time. Counts against it only where other endpoints do answer in time. */
  Timeout: 5,
  /**
   * It is well but asks for less (RESOURCE_EXHAUSTED, 429): load should go down, ejection would be
   * wrong.
   */
  Overloaded: 6,
} as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];

export const OUTCOME_NAMES = [
  'success',
  'application_error',
  'cancelled',
  'failure',
  'connect_failure',
  'timeout',
  'overloaded',
] as const;
export type OutcomeName = (typeof OUTCOME_NAMES)[number];

/** The name for logs, events and metrics. */
export function outcomeName(outcome: Outcome): OutcomeName {
  return OUTCOME_NAMES[outcome];
}

/** True where the outcome speaks against the endpoint. */
export function isFailure(outcome: Outcome): boolean {
  return outcome === Outcome.Failure || outcome === Outcome.ConnectFailure || outcome === Outcome.Timeout;
}

/** True where the endpoint answered, well or with its own error: it is alive. */
export function isAnswer(outcome: Outcome): boolean {
  return outcome === Outcome.Success || outcome === Outcome.ApplicationError || outcome === Outcome.Overloaded;
}

/** Errors of a connection that never came to be: libuv's and undici's names. */
const CONNECT_FAILURES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Errors of a connection that broke while in use. */
const CONNECTION_LOSSES: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'EPIPE',
  'ECONNABORTED',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_HTTP2_SESSION_ERROR',
  'ERR_HTTP2_STREAM_ERROR',
  'UND_ERR_SOCKET',
]);

const TIMEOUTS: ReadonlySet<string> = new Set([
  'ETIMEDOUT',
  'ESOCKETTIMEDOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'FAIRLEAD_DEADLINE_EXCEEDED',
]);

/**
 * The outcome of a call that threw, where no adapter knows better: network errors by their `code`,
 * `TimeoutError` and `AbortError` by name, HTTP by a numeric `status` or `statusCode` (429
 * overloaded, 5xx failure). Anything else is taken for an error of the application, which never
 * ejects: an unknown error must not empty a rotation.
 */
export function classifyError(thrown: unknown): Outcome {
  if (typeof thrown !== 'object' || thrown === null) return Outcome.ApplicationError;
  const { code, name, status, statusCode, cause } = thrown as Record<string, unknown>;
  if (typeof code === 'string') {
    if (CONNECT_FAILURES.has(code)) return Outcome.ConnectFailure;
    if (CONNECTION_LOSSES.has(code)) return Outcome.Failure;
    if (TIMEOUTS.has(code)) return Outcome.Timeout;
    if (code === 'FAIRLEAD_CANCELLED') return Outcome.Cancelled;
  }
  if (name === 'AbortError') return Outcome.Cancelled;
  if (name === 'TimeoutError') return Outcome.Timeout;
  const http = typeof status === 'number' ? status : statusCode;
  if (http === 429) return Outcome.Overloaded;
  if (typeof http === 'number' && http >= 500 && http <= 599) return Outcome.Failure;
  // `fetch` wraps the network's error: TypeError "fetch failed" with the reason as its cause.
  if (cause !== undefined && cause !== thrown && thrown instanceof TypeError) return classifyError(cause);
  return Outcome.ApplicationError;
}
