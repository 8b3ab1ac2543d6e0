import type { Endpoint } from '../endpoint/endpoint.js';
import type { Outcome } from '../runtime/outcome.js';
import type { EjectionTimes } from './ejection-times.js';
import type { Evidence, Grounds, HealthContext, HealthTracker } from './health.js';
import { IntervalWindow, type Tally } from './interval-window.js';

/**
 * A tracker that counts what calls report and judges it at the end of each interval, never call by
 * call.
 */
export abstract class IntervalTracker<Options extends EjectionTimes & { readonly intervalMs: number }>
  implements HealthTracker
{
  protected readonly options: Options;
  protected readonly context: HealthContext;
  readonly #window: IntervalWindow;

  constructor(options: Options, context: HealthContext) {
    this.options = options;
    this.context = context;
    this.#window = new IntervalWindow(context.clock, options.intervalMs, (tallies) => this.judge(tallies));
  }

  /** Calls `eject` for those who should go, the worst first. */
  protected abstract judge(tallies: readonly Tally[]): void;

  protected eject(endpoint: Endpoint, evidence: Evidence, grounds: Grounds): void {
    this.context.eject(endpoint, this.context.nextEjectionMs(endpoint, this.options), evidence, grounds);
  }

  record(endpoint: Endpoint, outcome: Outcome, latencyMs: number): number {
    this.#window.record(endpoint, outcome, latencyMs);
    return 0;
  }

  probed(endpoint: Endpoint, ok: boolean): number {
    return ok ? 0 : this.context.nextEjectionMs(endpoint, this.options);
  }

  confirmed(endpoint: Endpoint): void {
    this.forget(endpoint);
  }

  forget(endpoint: Endpoint): void {
    this.#window.forget(endpoint);
  }

  close(): void {
    this.#window.close();
  }
}
