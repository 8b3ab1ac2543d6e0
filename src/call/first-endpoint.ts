import { type Clock, judgeAfter } from '../runtime/clock.js';

export interface FirstEndpointHost {
  readonly clock: Clock;
  readonly options: { readonly waitForReadyMs: number };
  /**
   * As `Service.ready`; for a call it resolves also once discovery knows that there is no such
   * service.
   */
  ready(signal: AbortSignal, forCall: true): Promise<void>;
}

/**
 * Waits until there is an endpoint, or waiting is in vain, for at most `waitForReadyMs`. Never
 * rejects: what came of it the attempt says better (closed, nothing registered, discovery failing).
 */
export async function firstEndpoint(host: FirstEndpointHost, signal: AbortSignal): Promise<void> {
  const patience = new AbortController();
  const timer = judgeAfter(host.clock, host.options.waitForReadyMs, () => patience.abort());
  try {
    await host.ready(AbortSignal.any([signal, patience.signal]), true);
  } catch {
    // Said by the attempt.
  } finally {
    timer.cancel();
  }
}
