/**
 * `fairlead/resilience`: budgets, breakers and limits by themselves, for what is not a call of a
 * service.
 */

export { fullJitterMs } from '../runtime/backoff.js';
export { type RateOptions, TokenBucket } from '../runtime/token-bucket.js';
export {
  CircuitBreaker,
  type CircuitBreakerOptions,
  type CircuitChange,
  type CircuitReason,
  type CircuitState,
} from './circuit-breaker.js';
export { ClientThrottle, type ClientThrottleOptions } from './client-throttle.js';
export { DistributedLimit, type DistributedLimitOptions, type RateLimiterLike } from './distributed-limit.js';
export { Gate, type GateParts } from './gate.js';
export { GradientLimit, type GradientLimitOptions } from './gradient-limit.js';
export { KeyedRate, type KeyedRateOptions } from './keyed-rate.js';
export { KeyedWindow, type KeyedWindowOptions } from './keyed-window.js';
export { LatencyPercentile } from './latency-percentile.js';
export { NEVER_REPEAT, parseRetryAfter, parseRetryPushback } from './retry-after.js';
export { RetryBudget, type RetryBudgetOptions } from './retry-budget.js';
