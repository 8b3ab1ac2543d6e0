import { type EndpointSpec, sameSpec } from '../../endpoint/endpoint.js';
import { Backoff } from '../../runtime/backoff.js';
import { sleep } from '../../runtime/clock.js';
import { FairleadError, toError } from '../../runtime/errors.js';
import { STOPPED } from '../../runtime/stopped.js';
import type { DiscoveryContext } from '../context.js';
import type { SharedWatch } from '../shared-watches.js';
import { ShrinkGuard, type ShrinkGuardOptions } from '../shrink-guard.js';
import { WatchAudience } from '../watch-audience.js';
import { type DnsLookups, NoSuchName } from './lookups.js';
import { type DnsQuery, type Known, readName } from './read-name.js';

export interface DnsWatchContext extends DiscoveryContext {
  readonly lookups: DnsLookups;
  readonly options: ShrinkGuardOptions & {
    readonly minRefreshMs: number;
    readonly maxRefreshMs: number;
    readonly refreshMs: number | undefined;
  };
}

/** Of a wait, the part that is left to chance: clients that began together do not stay together. */
const JITTER = 0.1;

/** The waits after failures: c-ares has repeated by itself before. Milliseconds. */
const FAILURE_BACKOFF = { baseMs: 1_000, maxMs: 60_000 };

/**
 * The waits after negative answers, in milliseconds: how long these may be kept node:dns does not
 * tell.
 */
const NEGATIVE_BACKOFF = { baseMs: 5_000, maxMs: 60_000, jitter: JITTER };

/** Of a service that is not asked for TTLs, and has none; milliseconds. */
const REFRESH_MS = 30_000;

/**
 * One name, asked for again and again, whether or not calls fail: a client that asks only after a
 * failure never finds what was added. The time between is the shortest TTL of what came, within
 * bounds, less a tenth by chance. A negative answer, and one that lost much, is confirmed by
 * another before it is believed; until then, and through failures, the list stays.
 */
export class DnsWatch implements SharedWatch {
  readonly audience: WatchAudience;
  readonly #query: DnsQuery;
  readonly #context: DnsWatchContext;
  readonly #guard: ShrinkGuard;
  readonly #failures: Backoff;
  readonly #negatives: Backoff;
  readonly #stop = new AbortController();
  readonly #known: Known = new Map();
  #specs: ReadonlyMap<string, EndpointSpec> = new Map();
  #answers = 0;

  constructor(query: DnsQuery, context: DnsWatchContext) {
    const { clock, random, options } = context;
    this.#query = query;
    this.#context = context;
    this.audience = new WatchAudience(clock);
    this.#guard = new ShrinkGuard(clock, options);
    this.#failures = new Backoff(random, FAILURE_BACKOFF);
    this.#negatives = new Backoff(random, NEGATIVE_BACKOFF);
    void this.#run();
  }

  get service(): string {
    return this.#query.service;
  }

  stop(): void {
    this.#stop.abort(STOPPED);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const waitMs = await this.#ask();
      if (waitMs > 0) await sleep(this.#context.clock, waitMs, signal).catch(() => {});
    }
  }

  /** One question and what follows from it: the milliseconds until the next. */
  async #ask(): Promise<number> {
    try {
      const { endpoints, ttl, failures } = await readName(this.#query, this.#context.lookups, this.#known);
      if (this.#stop.signal.aborted) return 0;
      for (const failure of failures) this.audience.note(this.#error(failure));
      this.#failures.reset();
      this.#negatives.reset();
      return this.#tell(endpoints) || this.#refreshMs(ttl);
    } catch (thrown) {
      if (this.#stop.signal.aborted) return 0;
      if (thrown instanceof NoSuchName) return this.#none(thrown);
      this.#guard.trouble();
      this.audience.error(this.#error(toError(thrown)));
      return Math.max(this.#context.options.minRefreshMs, this.#failures.next());
    }
  }

  #none(reason: NoSuchName): number {
    this.#failures.reset();
    if (this.audience.version === '') {
      // It may come: a service whose first instance is still starting.
      const message = `DNS: ${reason.message}. Look at its spelling: it is asked for as it is, without search domains.`;
      this.audience.error(new FairleadError('FAIRLEAD_UNLISTED', message, { service: this.service, cause: reason }));
    } else {
      const recheckMs = this.#tell([]);
      if (recheckMs > 0) return recheckMs;
      this.audience.error(this.#error(reason));
    }
    return this.#negatives.next();
  }

  /** The milliseconds after which it is to be confirmed; 0 where it is believed. */
  #tell(listed: readonly EndpointSpec[]): number {
    const specs = listed.map((spec) => {
      const known = this.#specs.get(spec.id);
      return known !== undefined && sameSpec(known, spec) ? known : spec;
    });
    const { endpoints, held, recheckMs } = this.#guard.admit(specs);
    this.#specs = new Map(endpoints.map((spec) => [spec.id, spec]));
    const index = String(++this.#answers);
    if (held === 0) {
      this.audience.snapshot(endpoints, index, 0);
      return 0;
    }
    this.audience.partial(endpoints, index);
    const waitMs = Math.ceil(Math.max(recheckMs, this.#context.options.minRefreshMs));
    const what = `only ${listed.length} addresses are left: ${held} are kept until an answer in ${waitMs} ms confirms it`;
    this.audience.error(this.#error(new Error(what)));
    return waitMs;
  }

  #refreshMs(ttl: number): number {
    const { minRefreshMs, maxRefreshMs, refreshMs } = this.#context.options;
    const wantedMs = refreshMs ?? (Number.isFinite(ttl) ? ttl * 1_000 : REFRESH_MS);
    const ms = Math.min(maxRefreshMs, Math.max(minRefreshMs, wantedMs));
    return Math.max(minRefreshMs, ms * (1 - JITTER * this.#context.random.float()));
  }

  #error(reason: Error): FairleadError {
    const message = `DNS, service '${this.service}': ${reason.message}.`;
    return new FairleadError('FAIRLEAD_DISCOVERY', message, { service: this.service, cause: reason });
  }
}
