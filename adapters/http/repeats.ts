import type { Repeat } from '../../src/adapter.js';
import type { CallOptions, Endpoint, Outcome, Verdict } from '../../src/index.js';
import { AttemptFailed } from './attempt-failed.js';
import type { HttpCall } from './call.js';
import type { ExchangeContext } from './exchange-context.js';
import type { SkippedRepeat } from './repeat-ledger.js';
import type { ReplayBody } from './replay-body.js';

/** An attempt that failed, and those before it. */
interface Failed {
  readonly repeat: Repeat;
  readonly idempotent: boolean;
  readonly retryAfterMs: number | undefined;
  readonly tried: readonly Endpoint[];
}

/** Milliseconds until the next attempt, paid from the service's budget; -1 for none. */
export function nextDelayMs(
  { planning, service, ledger }: ExchangeContext,
  call: HttpCall | undefined,
  failed: Failed,
): number {
  const { maxAttempts = Number.POSITIVE_INFINITY, from = service } = call ?? {};
  const { repeat, idempotent, retryAfterMs, tried } = failed;
  const attempts = tried.length;
  if (attempts >= Math.min(maxAttempts, planning.maxAttempts)) {
    if (repeat === 'always' || (repeat === 'idempotent' && idempotent)) ledger.skip('attempts');
    return -1;
  }
  const before = service.callStats.retriesOutOfBudget;
  const elsewhere = from.rotation.some((endpoint) => !tried.includes(endpoint));
  const delayMs = planning.nextDelayMs({ repeat, idempotent, retryAfterMs, attempts, elsewhere });
  if (service.callStats.retriesOutOfBudget > before) ledger.skip('budget');
  else if (delayMs < 0 && retryAfterMs !== undefined) ledger.skip('wait');
  return delayMs;
}

/** Whether a status is one that an idempotent request is made again after. */
export function isRepeatStatus({ settings }: ExchangeContext, call: HttpCall | undefined, status: number): boolean {
  return (call?.retryStatus ?? settings.retryStatus).has(status);
}

/**
 * How `service.call()` runs, judges and repeats the attempts of an exchange. `own.classify` judges
 * what none of them threw.
 */
export function conductOptions(
  { planning }: ExchangeContext,
  { maxAttempts = planning.maxAttempts }: HttpCall,
  own: CallOptions & { readonly classify: NonNullable<CallOptions['classify']> },
): CallOptions {
  return {
    ...own,
    // Its copy is made by the exchange: here an attempt answers the handler.
    shadow: false,
    ...(!planning.hedges && { hedge: false }),
    ...(maxAttempts < planning.maxAttempts && { retry: maxAttempts > 1 && { maxAttempts } }),
    // What was answered was answered: the caller has it.
    classifyResult: (outcome: unknown): Verdict => ({ outcome: outcome as Outcome, repeat: 'never' }),
    classify: (thrown: unknown) => (thrown instanceof AttemptFailed ? thrown.verdict : own.classify(thrown)),
  };
}

/** Why what failed so is not made again, where the attempts or the budget are not the reason. */
export function whyNotAgain(
  repeat: Repeat,
  idempotent: boolean,
  attempt: number | undefined,
  body: ReplayBody | undefined,
): SkippedRepeat | undefined {
  if (repeat === 'never') return undefined;
  if (body?.replayable === false) return body.overflow;
  if (repeat === 'always' || idempotent) return undefined;
  return attempt !== undefined && attempt > 1 ? 'chain' : 'method';
}
