import { whenAborted } from '../../runtime/abort-audience.js';
import type { Timer } from '../../runtime/clock.js';
import { toError } from '../../runtime/errors.js';
import { integer, number, readOptions, type Schema } from '../../runtime/options.js';
import { contextOf, type DiscoveryContext } from '../context.js';
import type { Resolver, ResolverSink, ServiceQuery } from '../resolver.js';
import { tell } from '../tell.js';
import { errorOf, Part } from './part.js';
import { checkSources, closeSources, queriesOf, readSources, type Source, type SourceSettings } from './source.js';

export interface FallbackOptions {
  /**
   * How long a source has to be of no use before the next takes over, also at the start;
   * milliseconds. Default 5,000; 0 to 86,400,000.
   */
  readonly patienceMs?: number;
  /**
   * How long a source that comes before the one in use has to be of use again before it is used;
   * milliseconds. Default 30,000; 0 to 86,400,000.
   */
  readonly returnMs?: number;
  /** A source with fewer healthy endpoints is of no use. Default 1; 1 to 1,000,000. */
  readonly minHealthy?: number;
  /**
   * So is one whose list was not confirmed for this long; milliseconds. Default 300,000; 1,000 to
   * 31,536,000,000.
   */
  readonly maxAgeMs?: number;
}

type Settings = Required<FallbackOptions>;

export const fallbackSchema: Schema<Settings> = {
  patienceMs: number(5_000, 0, 86_400_000),
  returnMs: number(30_000, 0, 86_400_000),
  minHealthy: integer(1, 1, 1_000_000),
  maxAgeMs: number(300_000, 1_000, 31_536_000_000),
};

/**
 * Sources in order: the endpoints are those of the first that is of use, which one is that has
 * enough healthy endpoints and says so recently enough. All are watched all the time, so that the
 * next one knows its endpoints when it is needed. Throws FAIRLEAD_INVALID_OPTION.
 *
 * ```ts
 * const consul = consulResolver();
 * fallback([
 *   { name: 'here', resolver: consul },
 *   { name: 'there', resolver: consul, discovery: { datacenter: 'dc2' } },
 * ]);
 * ```
 */
export function fallback(sources: readonly Source[], options?: FallbackOptions): Resolver {
  const read = readSources('fallback', sources);
  const settings = readOptions('fallback', options, fallbackSchema);
  return {
    name: 'fallback',
    check: (query) => checkSources(query, read),
    watch: (query, sink, signal, context) => {
      if (signal.aborted) return;
      try {
        new FallbackWatch(read, settings, sink, signal, contextOf(NO_CONTEXT, context)).begin(query);
      } catch (thrown) {
        tell(() => sink.error(toError(thrown)));
      }
    },
    close: () => closeSources(read),
  };
}

const NO_CONTEXT = { clock: undefined, random: undefined };

/** One service: whose list is passed on, and since when the others would be better. */
class FallbackWatch {
  readonly #settings: Settings;
  readonly #sink: ResolverSink;
  readonly #signal: AbortSignal;
  readonly #context: DiscoveryContext;
  readonly #parts: readonly Part[];
  /** Since when each has been of use, or of none. */
  readonly #since: { useful: boolean; sinceMs: number }[];
  #current: number | undefined;
  #timer: Timer | undefined;

  constructor(
    sources: readonly SourceSettings[],
    settings: Settings,
    sink: ResolverSink,
    signal: AbortSignal,
    context: DiscoveryContext,
  ) {
    this.#settings = settings;
    this.#sink = sink;
    this.#signal = signal;
    this.#context = context;
    const nowMs = context.clock.now();
    this.#since = sources.map(() => ({ useful: false, sinceMs: nowMs }));
    this.#parts = sources.map((source, at) => new Part(source, context.clock, (error) => this.#heard(at, error)));
    whenAborted(signal, () => this.#timer?.cancel());
  }

  begin(query: ServiceQuery): void {
    const queries = queriesOf(
      query,
      this.#parts.map(({ source }) => source),
    );
    for (const [at, part] of this.#parts.entries()) part.follow(queries[at]!, this.#signal, this.#context);
    this.#decide();
  }

  #heard(at: number, error: Error | undefined): void {
    if (this.#signal.aborted) return;
    const switched = this.#decide();
    if (error !== undefined) this.#fail(at, error);
    else if (at === this.#current && !switched) this.#pass();
  }

  /** True where another source is used from now on. */
  #decide(): boolean {
    const nowMs = this.#context.clock.now();
    this.#timer?.cancel();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [at, part] of this.#parts.entries()) {
      const since = this.#since[at]!;
      const useful = this.#isUseful(part);
      if (useful !== since.useful) this.#since[at] = { useful, sinceMs: nowMs };
      if (useful) nextMs = Math.min(nextMs, part.confirmedAtMs + this.#settings.maxAgeMs + 1);
    }
    const before = this.#current;
    for (const at of this.#parts.keys()) {
      const dueMs = this.#dueMs(at);
      if (dueMs <= nowMs) {
        this.#current = at;
        break;
      }
      nextMs = Math.min(nextMs, dueMs);
    }
    if (nextMs !== Number.POSITIVE_INFINITY && !this.#signal.aborted) {
      this.#timer = this.#context.clock.after(Math.max(1, nextMs - nowMs), () => this.#decide());
    }
    if (this.#current === before) return false;
    this.#pass();
    return true;
  }

  /** When this source may be the one in use; Infinity where nothing says so yet. */
  #dueMs(at: number): number {
    const { patienceMs, returnMs } = this.#settings;
    const own = this.#since[at]!;
    if (at === this.#current) return own.useful ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    if (!own.useful) return Number.POSITIVE_INFINITY;
    if (this.#current !== undefined && at < this.#current) {
      const current = this.#since[this.#current]!;
      // The one in use is of no use either: nothing is gained by waiting for the whole time.
      return own.sinceMs + (current.useful ? returnMs : Math.min(returnMs, patienceMs));
    }
    // All before it have been of no use for long enough.
    const before = this.#since.slice(0, at);
    return Math.max(
      Number.NEGATIVE_INFINITY,
      ...before.map(({ useful, sinceMs }) => (useful ? Number.POSITIVE_INFINITY : sinceMs + patienceMs)),
    );
  }

  #isUseful(part: Part): boolean {
    return part.healthy >= this.#settings.minHealthy && part.ageMs <= this.#settings.maxAgeMs;
  }

  #pass(): void {
    const part = this.#parts[this.#current!]!;
    const { endpoints = [], version, ageMs, source } = part;
    tell(() => this.#sink.snapshot(endpoints, `${source.name}:${version}`, ageMs));
  }

  #fail(at: number, error: Error): void {
    tell(() => this.#sink.error(errorOf('fallback', this.#parts[at]!, this.#parts, error)));
  }
}
