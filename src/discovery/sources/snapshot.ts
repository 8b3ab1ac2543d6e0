import { resolve } from 'node:path';
import type { EndpointSpec } from '../../endpoint/endpoint.js';
import { whenAborted } from '../../runtime/abort-audience.js';
import type { Timer } from '../../runtime/clock.js';
import { FairleadError, toError } from '../../runtime/errors.js';
import { described, invalidOption, number, type Reader, readOptions, type Schema } from '../../runtime/options.js';
import { contextOf, type DiscoveryContext } from '../context.js';
import type { Resolver, ResolverSink, ServiceQuery } from '../resolver.js';
import { tell } from '../tell.js';
import { SnapshotFile } from './snapshot-file.js';

export interface SnapshotOptions {
  /** Where the lists are kept, a file for each service; made where it is not there. */
  readonly folder: string;
  /** An older list is not used; milliseconds. Default 3,600,000; 1,000 to 2,592,000,000. */
  readonly maxAgeMs?: number;
  /**
   * How long the resolver may take for its first list until the kept one is used; milliseconds. An
   * error before is reason enough. Default 2,000; 0 to 600,000.
   */
  readonly patienceMs?: number;
}

interface Settings {
  readonly folder: string;
  readonly maxAgeMs: number;
  readonly patienceMs: number;
}

const folder: Reader<string> = described({ shape: { type: 'text' }, required: true }, (value, name) => {
  if (typeof value === 'string' && value !== '') return resolve(value);
  throw invalidOption(name, value, 'the path of a folder');
});

export const snapshotSchema: Schema<Settings> = {
  folder,
  maxAgeMs: number(3_600_000, 1_000, 2_592_000_000),
  patienceMs: number(2_000, 0, 600_000),
};

const resolverOption: Reader<Resolver> = (value, name) => {
  if (typeof (value as Partial<Resolver> | null)?.watch === 'function') return value as Resolver;
  throw invalidOption(name, value, 'a resolver');
};

/** A list is written this long after it came, with what came meanwhile; milliseconds. */
const WRITE_AFTER_MS = 1_000;

/** A list that is only confirmed is written again this often, so that its time is right; ms. */
const RENEW_MS = 60_000;

/** What was saved later than now, by another clock, has no age to be judged by; milliseconds. */
const MAX_SKEW_MS = 60_000;

/**
 * A resolver whose lists are kept on disk, for starts while the registry is away. A kept list is
 * used before the first real one alone, is as old as its file says, and comes with an error that
 * says so; the first real list takes its place, whatever is in it. Throws FAIRLEAD_INVALID_OPTION.
 *
 * ```ts
 * createMesh({ resolver: withSnapshot(consulResolver(), { folder: '/var/lib/app/endpoints' }) });
 * ```
 */
export function withSnapshot(resolver: Resolver, options: SnapshotOptions): Resolver {
  const inner = resolverOption(resolver, 'withSnapshot.resolver');
  const settings = readOptions('withSnapshot', options, snapshotSchema);
  return {
    name: inner.name,
    check: (query) => inner.check?.(query),
    watch: (query, sink, signal, context) => {
      if (signal.aborted) return;
      const own = contextOf({ clock: undefined, random: undefined }, context);
      new SnapshotWatch(inner, query, settings, sink, signal, own).begin();
    },
    close: () => inner.close?.(),
  };
}

class SnapshotWatch implements ResolverSink {
  readonly #inner: Resolver;
  readonly #query: ServiceQuery;
  readonly #settings: Settings;
  readonly #sink: ResolverSink;
  readonly #signal: AbortSignal;
  readonly #context: DiscoveryContext;
  readonly #file: SnapshotFile;
  /** Whether a real list has come; the kept one is asked for once. */
  #real = false;
  #asked = false;
  #patience: Timer | undefined;
  /** Until the list is written; what it is waits with the time of its confirmation. */
  #write: Timer | undefined;
  #confirmedAtMs = 0;
  #writing = false;
  #version = '';
  #writtenAtMs = Number.NEGATIVE_INFINITY;
  #endpoints: readonly EndpointSpec[] = [];

  constructor(
    inner: Resolver,
    query: ServiceQuery,
    settings: Settings,
    sink: ResolverSink,
    signal: AbortSignal,
    context: DiscoveryContext,
  ) {
    this.#inner = inner;
    this.#query = query;
    this.#settings = settings;
    this.#sink = sink;
    this.#signal = signal;
    this.#context = context;
    this.#file = new SnapshotFile(settings.folder, inner.name, query);
  }

  begin(): void {
    whenAborted(this.#signal, () => {
      this.#patience?.cancel();
      this.#writeLast();
    });
    this.#patience = this.#context.clock.after(this.#settings.patienceMs, () => this.#ask());
    try {
      this.#inner.watch(this.#query, this, this.#signal, this.#context);
    } catch (thrown) {
      this.error(toError(thrown));
    }
  }

  readonly snapshot = (endpoints: readonly EndpointSpec[], version: string, ageMs = 0): void => {
    if (this.#signal.aborted) return;
    this.#real = true;
    this.#patience?.cancel();
    const changed = version === '' || version !== this.#version;
    this.#version = version;
    this.#endpoints = endpoints;
    tell(() => this.#sink.snapshot(endpoints, version, ageMs));
    const renew = this.#context.clock.now() - this.#writtenAtMs > RENEW_MS;
    if ((changed || renew) && !this.#writing) this.#writeSoon(ageMs);
  };

  readonly error = (error: Error): void => {
    if (this.#signal.aborted) return;
    tell(() => this.#sink.error(error));
    this.#ask();
  };

  #ask(): void {
    if (this.#asked || this.#real) return;
    this.#asked = true;
    this.#patience?.cancel();
    void this.#useKept();
  }

  async #useKept(): Promise<void> {
    try {
      const { savedAtMs, endpoints } = await this.#file.read();
      const ageMs = this.#context.clock.wallMs() - savedAtMs;
      if (this.#real || this.#signal.aborted || endpoints.length === 0) return;
      const { maxAgeMs } = this.#settings;
      if (ageMs > maxAgeMs || ageMs < -MAX_SKEW_MS) throw new Error(`it is ${ageMs} ms old, allowed is ${maxAgeMs}`);
      const age = Math.max(0, Math.round(ageMs));
      tell(() => this.#sink.snapshot(endpoints, `snapshot:${savedAtMs}`, age));
      this.#say(`the list is one that was kept on disk, ${age} ms old: the registry has not answered yet`);
    } catch (thrown) {
      const { code, message } = toError(thrown) as NodeJS.ErrnoException;
      // The first start there is.
      if (code === 'ENOENT' || this.#real || this.#signal.aborted) return;
      this.#say(`the list that was kept on disk is not used: ${message}`);
    }
  }

  #writeSoon(ageMs: number): void {
    this.#writing = true;
    this.#confirmedAtMs = this.#context.clock.wallMs() - ageMs;
    this.#write = this.#context.clock.after(WRITE_AFTER_MS, () => void this.#writeNow());
  }

  /** The watch ends, and the process perhaps at once: what waits to be written is, before. */
  #writeLast(): void {
    if (this.#write === undefined) return;
    this.#write.cancel();
    this.#write = undefined;
    try {
      this.#file.writeSync(this.#endpoints, this.#confirmedAtMs);
    } catch {
      // There is nobody left to tell.
    }
  }

  async #writeNow(): Promise<void> {
    this.#write = undefined;
    const version = this.#version;
    try {
      await this.#file.write(this.#endpoints, this.#confirmedAtMs);
      this.#writtenAtMs = this.#context.clock.now();
    } catch (thrown) {
      // Again with the next list.
      if (!this.#signal.aborted) this.#say(`the list cannot be kept on disk: ${toError(thrown).message}`);
    } finally {
      this.#writing = false;
      if (version !== this.#version) {
        this.#writeSoon(0);
        if (this.#signal.aborted) this.#writeLast();
      }
    }
  }

  #say(what: string): void {
    const { service } = this.#query;
    tell(() =>
      this.#sink.error(new FairleadError('FAIRLEAD_DISCOVERY', `Service '${service}': ${what}.`, { service })),
    );
  }
}
