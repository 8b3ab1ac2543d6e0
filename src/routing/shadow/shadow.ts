import { AsyncLocalStorage } from 'node:async_hooks';
import type { Lease } from '../../picking/lease.js';
import type { Mirror, MirroredCall } from '../../picking/router.js';
import { forgetAbort, whenAborted } from '../../runtime/abort-audience.js';
import { SafeEmitter } from '../../runtime/emitter.js';
import { FairleadError } from '../../runtime/errors.js';
import { Outcome, outcomeName } from '../../runtime/outcome.js';
import type { LiveService } from '../../service/service.js';
import { LiveSubset } from '../../service/subset.js';
import type { ArmPart } from '../split/arm-part.js';
import { BUCKETS, bucketCount } from '../split/buckets.js';
import type { ShadowComparison, ShadowSettings } from './options.js';

const shadows = new AsyncLocalStorage<true>();

/** Whether what runs now is the copy of a call, whose result nothing reads. */
export function isShadow(): boolean {
  return shadows.getStore() === true;
}

/** What became of the copies. */
export interface ShadowStatus {
  readonly sent: number;
  /** Due, but too many were under way, or no endpoint of the arm was there. */
  readonly dropped: number;
  readonly answered: number;
  readonly failed: number;
  /** Of those whose call is known: one answered and the other failed. */
  readonly differed: number;
  readonly inflight: number;
}

/**
 * Sends copies of idempotent calls to an arm and compares: never waited for, never repeated, never
 * judged, and bounded in number and time. A call that is a copy itself has none.
 */
export class Shadow implements Mirror {
  readonly #service: LiveService;
  readonly #settings: ShadowSettings;
  readonly #arm: ArmPart;
  readonly #events = new SafeEmitter<{ compare: readonly [comparison: ShadowComparison] }>({ compare: true });
  readonly #counts: { -readonly [Name in keyof ShadowStatus]: number };

  /** `previous`: what it goes on for: copies under way are counted, and limited, with its own. */
  constructor(service: LiveService, settings: ShadowSettings, arm: ArmPart, previous?: Shadow) {
    const none = { sent: 0, dropped: 0, answered: 0, failed: 0, differed: 0, inflight: 0 };
    this.#counts = previous === undefined ? none : previous.#counts;
    this.#service = service;
    this.#settings = settings;
    this.#arm = arm;
    if (settings.compare !== undefined) this.#events.on('compare', settings.compare);
  }

  get status(): ShadowStatus {
    return { ...this.#counts };
  }

  mirror(call: MirroredCall): void {
    if (isShadow() || this.#service.random.below(BUCKETS) >= bucketCount(this.#settings.share)) return;
    const lease = this.#counts.inflight < this.#settings.maxInflight ? this.#acquire(call) : undefined;
    if (lease === undefined) {
      this.#counts.dropped++;
      return;
    }
    this.#counts.sent++;
    this.#counts.inflight++;
    // After the call itself has begun: it must not wait for what its copy does at once.
    queueMicrotask(() => void shadows.run(true, () => this.#run(call, lease)));
  }

  /** Past all limits and breakers: those are for calls that somebody waits for. */
  #acquire({ key, among }: MirroredCall): Lease | undefined {
    const { views, inner } = this.#service;
    try {
      const view = among instanceof LiveSubset ? among.view : inner.view;
      return views.partOf(view, this.#arm)?.acquire({ key });
    } catch {
      return undefined;
    }
  }

  async #run({ run, outcome }: MirroredCall, lease: Lease): Promise<void> {
    const { clock, name: service, stopping } = this.#service;
    const { deadlineMs } = this.#settings;
    const beganMs = clock.now();
    const giveUp = new AbortController();
    let timer: { cancel(): void } | undefined;
    let closed = (): void => {};
    const cut = new Promise<Outcome>((resolve) => {
      timer = clock.after(deadlineMs, () => {
        const message = `A shadow of a call to '${service}' did not end within ${deadlineMs} ms.`;
        giveUp.abort(new FairleadError('FAIRLEAD_DEADLINE_EXCEEDED', message, { service }));
        resolve(Outcome.Timeout);
      });
      closed = () => {
        giveUp.abort(new FairleadError('FAIRLEAD_CLOSED', `Service '${service}' is closed.`, { service }));
        resolve(Outcome.Cancelled);
      };
      if (stopping.aborted) closed();
      else whenAborted(stopping, closed);
    });
    const ended = await Promise.race([run(lease.endpoint, giveUp.signal), cut]);
    const ms = clock.now() - beganMs;
    timer?.cancel();
    forgetAbort(stopping, closed);
    // It says nothing of the endpoint that calls should go by.
    lease.done(Outcome.Cancelled);
    this.#counts.inflight--;
    // Nobody is left to compare for.
    if (stopping.aborted) return;
    const failed = !isAnswered(ended);
    if (failed) this.#counts.failed++;
    else this.#counts.answered++;
    const known = await outcome;
    if (known !== undefined && isAnswered(known.outcome) === failed) this.#counts.differed++;
    if (!this.#events.hears('compare')) return;
    const call = known && { outcome: outcomeName(known.outcome), ms: known.ms };
    this.#events.emit('compare', { call, shadow: { outcome: outcomeName(ended), ms } });
  }
}

function isAnswered(outcome: Outcome): boolean {
  return outcome === Outcome.Success || outcome === Outcome.ApplicationError;
}
