import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import type { HealthContext, HealthSignal, HealthTracker } from './health.js';

/** Out for this much longer each time, where the call that should let it return fails. */
const AGAIN_MS = 30_000;

/** The verdict of an operator: it judges no call, and costs one only once it was used. */
export class ByHand implements HealthSignal {
  readonly name = 'by_hand';
  #context: HealthContext | undefined;

  create(context: HealthContext): HealthTracker {
    this.#context = context;
    return {
      record: () => 0,
      probed: (_endpoint, ok) => (ok ? 0 : AGAIN_MS),
      confirmed: () => undefined,
      forget: () => undefined,
    };
  }

  /** False where the cap does not allow it. */
  eject(endpoint: LiveEndpoint, forMs: number): boolean {
    this.#context?.eject(endpoint, forMs, {}, 'unreachable');
    return endpoint.standing === 'ejected';
  }
}
