import { addressOf, type EndpointSpec } from '../../endpoint/endpoint.js';
import { whenAborted } from '../../runtime/abort-audience.js';
import type { Timer } from '../../runtime/clock.js';
import { toError } from '../../runtime/errors.js';
import { number, readOptions, type Schema } from '../../runtime/options.js';
import { contextOf, type DiscoveryContext } from '../context.js';
import type { Resolver, ResolverSink, ServiceQuery } from '../resolver.js';
import { tell } from '../tell.js';
import { errorOf, Part } from './part.js';
import { checkSources, closeSources, queriesOf, readSources, type Source, type SourceSettings } from './source.js';

export interface MergeOptions {
  /**
   * How long the first list waits for sources that have said nothing yet; milliseconds. Default
   * 2,000; 0 to 600,000.
   */
  readonly patienceMs?: number;
}

export const mergeSchema: Schema<Required<MergeOptions>> = { patienceMs: number(2_000, 0, 600_000) };

/**
 * The endpoints of all sources together. Of those with one address, that of the source which comes
 * first counts; of two with one id and other addresses, the later is called `id@source`. What fails
 * keeps its part as it was. Throws FAIRLEAD_INVALID_OPTION.
 *
 * ```ts
 * merge([{ resolver: consulResolver() }, { resolver: staticResolver({ users: ['10.1.0.1:80'] }), priority: 1 }]);
 * ```
 */
export function merge(sources: readonly Source[], options?: MergeOptions): Resolver {
  const read = readSources('merge', sources);
  const { patienceMs } = readOptions('merge', options, mergeSchema);
  return {
    name: 'merge',
    check: (query) => checkSources(query, read),
    watch: (query, sink, signal, context) => {
      if (signal.aborted) return;
      try {
        const own = contextOf({ clock: undefined, random: undefined }, context);
        new MergeWatch(read, sink, signal, own).begin(query, patienceMs);
      } catch (thrown) {
        tell(() => sink.error(toError(thrown)));
      }
    },
    close: () => closeSources(read),
  };
}

class MergeWatch {
  readonly #sink: ResolverSink;
  readonly #signal: AbortSignal;
  readonly #context: DiscoveryContext;
  readonly #parts: readonly Part[];
  #timer: Timer | undefined;
  #waits = true;

  constructor(sources: readonly SourceSettings[], sink: ResolverSink, signal: AbortSignal, context: DiscoveryContext) {
    this.#sink = sink;
    this.#signal = signal;
    this.#context = context;
    this.#parts = sources.map((source) => {
      const part: Part = new Part(source, context.clock, (error) => this.#heard(part, error));
      return part;
    });
    whenAborted(signal, () => this.#timer?.cancel());
  }

  begin(query: ServiceQuery, patienceMs: number): void {
    const queries = queriesOf(
      query,
      this.#parts.map(({ source }) => source),
    );
    this.#timer = this.#context.clock.after(patienceMs, () => {
      this.#waits = false;
      this.#tell();
    });
    for (const [at, part] of this.#parts.entries()) part.follow(queries[at]!, this.#signal, this.#context);
  }

  #heard(heard: Part, error: Error | undefined): void {
    if (this.#signal.aborted) return;
    // Whoever failed has said something.
    if (this.#parts.every((part) => part.endpoints !== undefined || part.failure !== undefined)) this.#waits = false;
    this.#tell();
    if (error !== undefined) tell(() => this.#sink.error(errorOf('merge', heard, this.#parts, error)));
  }

  #tell(): void {
    const known = this.#parts.filter(({ endpoints }) => endpoints !== undefined);
    if (this.#waits || known.length === 0) return;
    const version = known.map(({ source, version }) => `${source.name}:${version}`).join('|');
    // As old as the oldest part.
    const ageMs = Math.max(...known.map((part) => part.ageMs));
    tell(() => this.#sink.snapshot(merged(known), version, ageMs));
  }
}

function merged(parts: readonly Part[]): readonly EndpointSpec[] {
  const byAddress = new Map<string, EndpointSpec>();
  const ids = new Set<string>();
  for (const { endpoints = [], source } of parts) {
    for (const spec of endpoints) {
      const address = addressOf(spec);
      if (byAddress.has(address)) continue;
      const named = ids.has(spec.id) ? { ...spec, id: `${spec.id}@${source.name}` } : spec;
      ids.add(named.id);
      byAddress.set(address, named);
    }
  }
  return [...byAddress.values()];
}
