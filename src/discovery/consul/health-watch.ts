import type { EndpointSpec } from '../../endpoint/endpoint.js';
import { whenAborted } from '../../runtime/abort-audience.js';
import { Backoff } from '../../runtime/backoff.js';
import { sleep } from '../../runtime/clock.js';
import { FairleadError, toError } from '../../runtime/errors.js';
import { STOPPED } from '../../runtime/stopped.js';
import { TokenBucket } from '../../runtime/token-bucket.js';
import type { DiscoveryContext } from '../context.js';
import { AGAIN, type ServerPause } from '../server-pause.js';
import { ShrinkGuard, type ShrinkGuardOptions } from '../shrink-guard.js';
import { WatchAudience } from '../watch-audience.js';
import { type AnswerHead, awayMs, RefusedError, readHead } from './answer.js';
import { ArraySplitter } from './array-splitter.js';
import type { HealthQuery } from './health-query.js';
import { InstanceTable, type ListUpdate } from './instance-table.js';
import type { QuerySlots } from './query-slots.js';
import type { ConsulTransport } from './transport.js';

/** The loop's own settings; see `ConsulResolverOptions` for what they mean. */
export interface WatchOptions extends ShrinkGuardOptions {
  readonly waitMs: number;
  readonly requestTimeoutMs: number;
  readonly requestsPerSecond: number;
  readonly burst: number;
  readonly maxBackoffMs: number;
  readonly maxStaleMs: number;
  readonly maxBodyBytes: number;
}

export interface WatchContext extends DiscoveryContext {
  readonly transport: ConsulTransport;
  readonly slots: QuerySlots;
  /** One for all watches at the agent. */
  readonly pause: ServerPause;
  readonly options: WatchOptions;
}

/** First ceiling of the backoff: a restarted agent is back within a few of these; milliseconds. */
const BACKOFF_BASE_MS = 50;

/** From this many entries on, the event loop gets a turn between reading a list and using it. */
const LONG_LIST = 500;

/** The shortest pause there is; milliseconds. */
const TURN_MS = 1;

/**
 * A watch for which no blocking query is to be had looks this often; milliseconds, plus up to as
 * much by chance.
 */
const POLL_MS = 1_000;

/**
 * One query to Consul, for ever, for all who watch it: a loop of blocking queries whose rules are
 *
 * 1. The next index is that of the last answer. It is forgotten, so that the next read does not
 *    block, when it went backwards, was missing or zero, and **after any failure**: an agent that
 *    came back may have lost its state, and would leave us blocking on an index that it reaches in
 *    an hour, or has already and by chance equals ours.
 * 2. Every request takes a token. The first changes of a burst are seen at once, a storm at the
 *    bucket's steady rate.
 * 3. Failures are retried for ever, after a backoff with full jitter whose cap is below a second:
 *    that of the agent where it gave no answer, the watch's own where the answer was no.
 * 4. A first list goes before what those that have theirs ask next.
 * 5. An answer is adopted as a whole or not at all, and departures only as the shrink guard allows.
 */
export class HealthWatch {
  readonly audience: WatchAudience;
  readonly #context: WatchContext;
  readonly #query: HealthQuery;
  readonly #table: InstanceTable;
  readonly #guard: ShrinkGuard;
  readonly #bucket: TokenBucket;
  readonly #backoff: Backoff;
  readonly #stop = new AbortController();
  /** Whether it has a list, and whether it asked for changes of it. */
  #stage: 'new' | 'listed' | 'watching' = 'new';
  #index = 0n;
  #listed: readonly EndpointSpec[] = [];
  /** The last stale answer was too old: ask the leader once. */
  #askLeader = false;
  /** Elements that are no instances were reported, and were there in the last list. */
  #saidUnreadable = false;

  constructor(query: HealthQuery, context: WatchContext) {
    const { clock, random, options } = context;
    this.#query = query;
    this.#context = context;
    this.audience = new WatchAudience(clock);
    this.#table = new InstanceTable(query.entries, query.limit);
    this.#guard = new ShrinkGuard(clock, options);
    this.#bucket = new TokenBucket({ perSecond: options.requestsPerSecond, burst: options.burst });
    this.#backoff = new Backoff(random, { baseMs: BACKOFF_BASE_MS, maxMs: options.maxBackoffMs });
    // Held for as long as the watch is: each request and each wait would begin an audience anew.
    whenAborted(this.#stop.signal, () => {});
    void this.#run();
  }

  /** Consul's name of the service. */
  get service(): string {
    return this.#query.service;
  }

  stop(): void {
    this.#stop.abort(STOPPED);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#pause(this.#bucket.reserve(this.#context.clock.now()));
      if (signal.aborted) return;
      let pauseMs: number;
      try {
        pauseMs = await this.#ask();
      } catch (thrown) {
        pauseMs = this.#failed(toError(thrown));
      }
      await this.#pause(pauseMs);
    }
  }

  /** A turn as soon as the agent may be asked. Who waits for that knows why. */
  #ask(): Promise<number> {
    const waits = (reason: Error): void => this.audience.error(reason);
    return this.#context.pause.run(this.#stop.signal, waits, (wasAway, goneAway) => this.#turn(wasAway, goneAway));
  }

  /** One query and what follows from it. The milliseconds to wait before the next. */
  async #turn(wasAway: boolean, goneAway: () => boolean): Promise<number | typeof AGAIN> {
    const { slots, random, clock } = this.#context;
    const { signal } = this.#stop;
    if (wasAway) {
      this.#index = 0n;
      this.#guard.trouble();
    }
    if (this.#stage === 'listed' && this.#index > 0n) {
      this.#stage = 'watching';
      await slots.afterFirstLists(clock, signal);
    }
    let release = this.#index > 0n ? slots.tryBlock() : undefined;
    const blocking = release !== undefined;
    if (!blocking && this.#index > 0n) await this.#pause(POLL_MS * (1 + random.float()));
    release ??= await (this.#stage === 'new' ? slots.readFirst(signal) : slots.read(signal));
    try {
      if (this.#stop.signal.aborted) return 0;
      if (goneAway()) return AGAIN;
      const [head, listed] = await this.#read(blocking);
      return this.#stop.signal.aborted ? 0 : this.#adopt(head, listed);
    } finally {
      release();
    }
  }

  async #read(blocking: boolean): Promise<readonly [AnswerHead, () => readonly EndpointSpec[]]> {
    const { transport, options, clock } = this.#context;
    const update = this.#table.begin();
    const splitter = new ArraySplitter(update.add, options.maxBodyBytes);
    const waitMs = this.#waitMs();
    const response = await transport.send({
      method: 'GET',
      name: 'health.service',
      path: '/health/service/{service}',
      params: { service: this.#query.service },
      query: this.#urlQuery(blocking ? waitMs : undefined),
      // The server adds up to a sixteenth to what it is asked to wait.
      timeoutMs: options.requestTimeoutMs + (blocking ? Math.ceil((waitMs * 17) / 16) : 0),
      bodyTimeoutMs: options.requestTimeoutMs,
      signal: this.#stop.signal,
      reader: splitter,
    });
    if (response.status !== 200) {
      throw new RefusedError(transport, this.#query.service, response, clock.wallMs());
    }
    // What is done with a long list may take a few milliseconds: the last of its bytes took some
    // already.
    if (update.byDigest.size > LONG_LIST) await this.#pause(TURN_MS);
    return [readHead(response.headers), () => this.#commit(update)];
  }

  #commit(update: ListUpdate): readonly EndpointSpec[] {
    if (update.isForeign) {
      throw this.#error('the answer is not a list of instances: its elements have no Node or no Service');
    }
    const specs = this.#table.commit(update);
    const { unreadable } = update;
    if (unreadable > 0 && !this.#saidUnreadable) {
      this.audience.error(this.#error(`${unreadable} of the listed elements are no instances, and are left out`));
    }
    this.#saidUnreadable = unreadable > 0;
    return specs;
  }

  /** Held departures are looked at again when their time is over, and that by the leader. */
  #waitMs(): number {
    return Math.ceil(this.#guard.recheckMs || this.#context.options.waitMs);
  }

  /** `waitMs` is undefined where the query is not to block. */
  #urlQuery(waitMs: number | undefined): HealthQuery['url'] {
    const query: Record<string, string | readonly string[]> = { ...this.#query.url };
    const consistency = this.#consistency();
    if (consistency !== undefined) query[consistency] = '1';
    if (waitMs !== undefined) {
      query.index = String(this.#index);
      query.wait = `${waitMs}ms`;
    }
    return query;
  }

  /** Its parameter of the URL; undefined for the default of Consul. */
  #consistency(): string | undefined {
    const { consistency } = this.#query;
    if (consistency === 'consistent') return 'consistent';
    if (consistency === 'default' || this.#askLeader || this.#guard.recheckMs > 0) return undefined;
    return consistency;
  }

  #adopt(head: AnswerHead, commit: () => readonly EndpointSpec[]): number {
    const { maxStaleMs } = this.#context.options;
    const tooOld = this.#query.consistency === 'stale' && head.ageMs > maxStaleMs && !this.#askLeader;
    if (tooOld && this.audience.version !== '') {
      this.#askLeader = true;
      throw this.#error(`the answer is ${head.ageMs} ms old, allowed is ${maxStaleMs}: the leader is asked next`);
    }
    this.#askLeader = false;
    const regressed = head.index < this.#index;
    if (regressed || head.doubtful) this.#guard.trouble();
    this.#index = regressed ? 0n : head.index;
    this.#tell(commit(), head);
    if (this.#stage === 'new') this.#stage = 'listed';
    if (head.index > 0n) {
      this.#backoff.reset();
      return 0;
    }
    this.#guard.trouble();
    this.audience.error(this.#error('the answer has no usable X-Consul-Index: polling instead of waiting for changes'));
    return this.#backoff.next();
  }

  #tell(listed: readonly EndpointSpec[], head: AnswerHead): void {
    const before = this.#listed;
    this.#listed = sameMembers(before, listed) ? before : listed;
    const { endpoints, held, recheckMs } = this.#guard.admit(this.#listed);
    if (held === 0) {
      this.audience.snapshot(endpoints, String(head.index), head.ageMs);
      return;
    }
    this.audience.partial(endpoints, String(head.index));
    const healthy = listed.filter((spec) => spec.healthy !== false).length;
    const until = `until a read in ${Math.ceil(recheckMs)} ms confirms it`;
    const what =
      healthy === listed.length
        ? `only ${healthy} instances are listed: ${held} that it no longer lists are kept ${until}`
        : `only ${healthy} of ${listed.length} listed instances are healthy: ${held} are kept as they were ${until}`;
    this.audience.error(this.#error(what));
  }

  #failed(error: Error): number {
    if (this.#stop.signal.aborted) return 0;
    this.#index = 0n;
    this.#guard.trouble();
    this.audience.error(error);
    // These are waited for together with all who ask this agent.
    return awayMs(error) === undefined ? this.#backoff.next() : 0;
  }

  #error(what: string): FairleadError {
    const { service } = this.#query;
    return new FairleadError(
      'FAIRLEAD_DISCOVERY',
      `Consul at ${this.#context.transport.address}, service '${service}': ${what}.`,
      { service },
    );
  }

  async #pause(delayMs: number): Promise<void> {
    if (delayMs <= 0) return;
    try {
      await sleep(this.#context.clock, delayMs, this.#stop.signal);
    } catch {
      // Stopped: the caller looks.
    }
  }
}

/**
 * Whether both say the same, whatever the order: specs that did not change are the same objects.
 */
function sameMembers(a: readonly EndpointSpec[], b: readonly EndpointSpec[]): boolean {
  if (a.length !== b.length) return false;
  if (a.every((spec, index) => spec === b[index])) return true;
  const known = new Set(a);
  return b.every((spec) => known.has(spec));
}
