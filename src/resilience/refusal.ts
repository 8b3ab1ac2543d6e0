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
  too_many_calls: 'as many as resilience.limits allows are in flight',
  rate_limited: 'a rate of resilience.limits is used up',
  throttled: 'it turned most of the recent ones away',
};

/**
 * The error of a refused call. Without a stack: it would be the same for every refused call, and
 * taking it costs several times all the rest, exactly when there is most of it to do. Nothing was
 * sent, so the call may always be made again, after `retryAfterMs`.
 */
export function refusalError(reason: RefusalReason, service: string, retryAfterMs: number): FairleadError {
  const traced = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  const again = retryAfterMs === Number.POSITIVE_INFINITY ? 'never' : `in ${Math.ceil(retryAfterMs)} ms`;
  const message = `A call to '${service}' was refused: ${WHY[reason]}. Nothing was sent; try again ${again}.`;
  const error = new FairleadError(CODES[reason], message, { service, retryAfterMs });
  Error.stackTraceLimit = traced;
  return error;
}

/** True for what `refusalError` makes. */
export function isRefusal(error: unknown): error is FairleadError {
  return error instanceof FairleadError && Object.values(CODES).includes(error.code);
}
