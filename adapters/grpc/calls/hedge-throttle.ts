import { status } from '@grpc/grpc-js';
import type { Clock, Service } from '../../../src/index.js';
import { RetryBudget } from '../../../src/resilience/index.js';
import type { MethodPlan } from '../config/method-configs.js';

const throttles = new WeakMap<Service, HedgeThrottle>();

/**
 * Keeps hedges from multiplying an outage. gRFC A6 wants hedges throttled like retries; grpc-js
 * 1.14 asks its throttler before retries only, so it is done where attempts are picked. Two limits,
 * both of which must agree:
 *
 * - The token count of A6, where `retryThrottling` is configured: a failure that may be repeated
 *   takes 1, a success adds `tokenRatio`, none are sent while half of `maxTokens` or less are
 *   left. It sees failures, and so no server that hangs.
 * - A retry budget, for methods that are `idempotent`: over any 10 s no more than 20 % of the
 *   calls, and 10 per second.
 *
 * One for all channels to a service.
 */
export class HedgeThrottle {
  readonly #clock: Clock;
  /** Made by the first call of an idempotent method. */
  #budget: RetryBudget | undefined;
  #tokens = 1;
  #maxTokens = 1;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  static of(service: Service, clock: Clock): HedgeThrottle {
    const known = throttles.get(service);
    if (known !== undefined) return known;
    const throttle = new HedgeThrottle(clock);
    throttles.set(service, throttle);
    return throttle;
  }

  callStarted({ budgeted }: MethodPlan): void {
    if (!budgeted) return;
    this.#budget ??= new RetryBudget();
    this.#budget.deposit(this.#clock.now());
  }

  /** Whether one more attempt may be sent; it is paid for then. */
  allows({ throttling, budgeted }: MethodPlan): boolean {
    if (throttling !== undefined && this.#scaled(throttling.maxTokens) <= throttling.maxTokens / 2) return false;
    if (!budgeted) return true;
    this.#budget ??= new RetryBudget();
    return this.#budget.tryWithdraw(this.#clock.now());
  }

  attemptEnded(code: status, { throttling, repeatable }: MethodPlan): void {
    if (throttling === undefined) return;
    const { maxTokens, tokenRatio } = throttling;
    const tokens = this.#scaled(maxTokens);
    if (code === status.OK) this.#tokens = Math.min(tokens + tokenRatio, maxTokens);
    else if (repeatable.has(code)) this.#tokens = Math.max(tokens - 1, 0);
  }

  /** The tokens; another maximum than before keeps the share that is left, as grpc-js does. */
  #scaled(maxTokens: number): number {
    if (maxTokens !== this.#maxTokens) this.#tokens *= maxTokens / this.#maxTokens;
    this.#maxTokens = maxTokens;
    return this.#tokens;
  }
}
