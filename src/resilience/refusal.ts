import { FairleadError, type FairleadErrorCode } from '../runtime/errors.js';

/** Why a call was refused here, without the service having seen it. */
export type RefusalReason = 'circuit_open' | 'too_many_calls' | 'rate_limited' | 'throttled';

const CODES: Readonly<Record<RefusalReason, FairleadErrorCode>> = {
  circuit_open: 'FAIRLEAD_CIRCUIT_OPEN',
  too_many_calls: 'FAIRLEAD_TOO_MANY_CALLS',
  rate_limited: 'FAIRLEAD_RATE_LIMITED',
  throttled: 'FAIRLEAD_THROTTLED',
};

const WHY: Readonly<Record<RefusalReason, string>> = {
  circuit_open: 'its circuit breaker is open after too many failures',
  too_many_calls: 'as many as allowed are in flight',
  rate_limited: 'the rate limit is reached',
  throttled: 'it turns away too many of them',
};

/**
 * The error of a refused call. Without a stack: it would be the same for every refused call, and taking it costs several
 * times all the rest, exactly when there is most of it to do. Nothing was sent, so the call may always be made again,
 * after `retryAfterMs`.
 */
export function refusalError(reason: RefusalReason, service: string, retryAfterMs: number): FairleadError {
  const traced = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  const error = new FairleadError(CODES[reason], `A call to '${service}' was refused: ${WHY[reason]}.`, {
    service,
    retryAfterMs,
  });
  Error.stackTraceLimit = traced;
  return error;
}

/** True for what `refusalError` makes. */
export function isRefusal(error: unknown): error is FairleadError {
  return error instanceof FairleadError && Object.values(CODES).includes(error.code);
}
