import type { Repeat } from '../../src/adapter.js';
import type { CallOptions, Endpoint, Outcome, Verdict } from '../../src/index.js';
import { AttemptFailed } from './attempt-failed.js';
import type { HttpCall } from './call.js';
import type { ExchangeContext } from './exchange-context.js';
import { verdictOfError } from './verdict.js';

/** An attempt that failed, and those before it. */
interface Failed {
  readonly repeat: Repeat;
  readonly idempotent: boolean;
  readonly retryAfterMs: number | undefined;
  readonly tried: readonly Endpoint[];
}

/** Milliseconds until the next attempt, paid from the service's budget; -1 for none. */
export function nextDelayMs(
  { planning, service }: ExchangeContext,
  call: HttpCall | undefined,
  failed: Failed,
): number {
  const { maxAttempts = Number.POSITIVE_INFINITY, from = service } = call ?? {};
  const { repeat, idempotent, retryAfterMs, tried } = failed;
  const attempts = tried.length;
  if (attempts >= maxAttempts) return -1;
  const elsewhere = from.rotation.some((endpoint) => !tried.includes(endpoint));
  return planning.nextDelayMs({ repeat, idempotent, retryAfterMs, attempts, elsewhere });
}

/** Whether a status is one that an idempotent request is made again after. */
export function isRepeatStatus({ settings }: ExchangeContext, call: HttpCall | undefined, status: number): boolean {
  return (call?.retryStatus ?? settings.retryStatus).has(status);
}

/** How `service.call()` runs, judges and repeats the attempts of an exchange. */
export function conductOptions(
  { planning }: ExchangeContext,
  { maxAttempts = planning.maxAttempts }: HttpCall,
  own: CallOptions,
): CallOptions {
  return {
    ...own,
    // Its copy is made by the exchange: here an attempt answers the handler.
    shadow: false,
    ...(!planning.hedges && { hedge: false }),
    ...(maxAttempts < planning.maxAttempts && { retry: maxAttempts > 1 && { maxAttempts } }),
    // What was answered was answered: the caller has it.
    classifyResult: (outcome: unknown): Verdict => ({ outcome: outcome as Outcome, repeat: 'never' }),
    classify: (thrown: unknown): Verdict =>
      thrown instanceof AttemptFailed ? thrown.verdict : verdictOfError(thrown, true),
  };
}
