import type { Resolver } from '../discovery/resolver.js';
import { type Mesh, prepareMesh } from '../mesh.js';
import type { Timer } from '../runtime/clock.js';
import { SafeEmitter } from '../runtime/emitter.js';
import { FairleadError, toError } from '../runtime/errors.js';
import { holdProcess } from '../runtime/hold-process.js';
import { invalidOption } from '../runtime/options.js';
import { isSame } from '../runtime/same.js';
import type { PreparedChange } from '../service/change.js';
import { Comparison } from './comparison.js';
import { type ConfigChange, diffDocuments, hashDocument } from './diff.js';
import { type ConfigDocument, DocumentReaders } from './document.js';
import { LastGood } from './last-good.js';
import { SourceGuards } from './source-guards.js';
import { type ConfigStoreOptions, readStoreOptions, type StoreSettings } from './store-options.js';
import { type ValidDocument, validateDocument } from './validate.js';
import type { ConfigPlan, ConfigStoreEvents, ConfigVersion } from './version.js';

/** Who applies a document, and on top of which version. */
export interface ApplyOptions {
  /** Default `unknown`. */
  readonly author?: string;
  /** Refused with FAIRLEAD_CONFLICT where another version is in force. Default: any. */
  readonly ifVersion?: number;
}

/** The configuration of a mesh, in versions. */
export interface ConfigStore extends AsyncDisposable {
  /** The one in force; undefined before the first. */
  readonly current: ConfigVersion | undefined;
  /** The latest ones, oldest first. */
  readonly versions: readonly ConfigVersion[];
  /** Resolves with the first version. Rejects with FAIRLEAD_CLOSED. */
  ready(): Promise<ConfigVersion>;
  /**
   * Puts a document in force for all services at once: JSON or YAML text, or an object. Resolves
   * with its version; with the current one where it says the same. Rejects with ConfigError, which
   * has everything that is wrong with it, with FAIRLEAD_DISCOVERY where endpoints of another
   * resolver do not come within 5 s, or FAIRLEAD_CONFLICT; the one before stays in force.
   */
  apply(document: string | ConfigDocument, options?: ApplyOptions): Promise<ConfigVersion>;
  /** What `apply` would do, without doing it. */
  plan(document: string | ConfigDocument): Promise<ConfigPlan>;
  /**
   * Puts the document of an earlier version in force, as a new one. Those since are refused from
   * the source for 10 minutes, and so is one that waits, so that it does not undo that.
   */
  rollback(number: number, options?: ApplyOptions): Promise<ConfigVersion>;
  /** What changed from one kept version to another, by path. */
  diff(from: number, to: number): readonly ConfigChange[];
  on<Name extends keyof ConfigStoreEvents & string>(
    name: Name,
    listener: (...args: ConfigStoreEvents[Name]) => void,
  ): () => void;
  /** Stops following the source. What is in force stays. Idempotent. */
  close(): Promise<void>;
}

/** How long a list of endpoints is waited for. */
const PATIENCE_MS = 5_000;

/**
 * Lets documents say what a mesh does, while it runs. What a program gave its mesh and services
 * holds where the document says nothing. Ends with the mesh. Throws FAIRLEAD_INVALID_OPTION, and
 * FAIRLEAD_CONFLICT where the mesh has one that is not closed.
 *
 * ```ts
 * const config = createConfigStore(mesh, { source: consulKv(), key: 'fairlead/shop' });
 * await config.ready();
 * ```
 */
export function createConfigStore(mesh: Mesh, options?: ConfigStoreOptions): ConfigStore {
  return new LiveStore(mesh, options);
}

class LiveStore implements ConfigStore {
  readonly #mesh: Mesh;
  readonly #options: StoreSettings;
  readonly #readers: DocumentReaders;
  readonly #guards: SourceGuards;
  readonly #events = new SafeEmitter<ConfigStoreEvents>();
  readonly #comparison: Comparison | undefined;
  readonly #lastGood: LastGood | undefined;
  readonly #abort = new AbortController();
  readonly #leave: () => void;
  readonly #source: string;
  #versions: readonly ConfigVersion[] = [];
  /** The resolver that the current document names. */
  #resolver: Resolver | undefined;
  /** Services that documents had and have no longer, and why they take no calls. */
  #removed: ReadonlyMap<string, string> = new Map();
  /** Documents are applied one after another. */
  #queue: Promise<unknown> = Promise.resolve();
  /** What the source said last; undefined before the first. */
  #heardLast: string | undefined;
  /** Until that is applied, where it waits. */
  #waiting: Timer | undefined;

  constructor(mesh: Mesh, options: ConfigStoreOptions | undefined) {
    this.#options = readStoreOptions(options);
    this.#mesh = mesh;
    const { source, key, lastGood, compare, resolvers } = this.#options;
    this.#readers = new DocumentReaders(mesh.policies, resolvers);
    this.#guards = new SourceGuards(mesh.clock);
    this.#source = source === undefined ? 'code' : `${source.name} ${key}`;
    if (lastGood !== undefined) this.#lastGood = new LastGood(lastGood);
    refuseSecond(mesh);
    this.#leave = mesh.register({ kind: 'config', name: this.#source, close: () => void this.close() });
    if (compare) this.#comparison = new Comparison(mesh);
    if (source === undefined && this.#lastGood === undefined) return;
    void this.#startFromLastGood();
    const sink = { value: (value: string | undefined) => this.#heard(value), error: this.#failed };
    source?.watch(key, sink, this.#abort.signal, mesh);
  }

  get current(): ConfigVersion | undefined {
    return this.#versions.at(-1);
  }

  get versions(): readonly ConfigVersion[] {
    return this.#versions;
  }

  ready(): Promise<ConfigVersion> {
    if (this.current !== undefined) return Promise.resolve(this.current);
    if (this.#abort.signal.aborted) return Promise.reject(this.#closedError());
    return new Promise((resolve, reject) => {
      const held = holdProcess(this.#mesh.clock);
      const closed = (): void => {
        held.cancel();
        reject(this.#closedError());
      };
      const stop = this.#events.on('applied', (version) => {
        stop();
        held.cancel();
        this.#unready.delete(closed);
        resolve(version);
      });
      this.#unready.add(closed);
    });
  }

  readonly #unready = new Set<() => void>();

  apply(document: string | ConfigDocument, options: ApplyOptions = {}): Promise<ConfigVersion> {
    return this.#inTurn(async () => {
      const valid = await this.#validate(document, 'code');
      this.#guards.unbar(hashDocument(valid.document));
      return this.#apply(valid, 'code', options);
    }, 'code');
  }

  rollback(number: number, options: ApplyOptions = {}): Promise<ConfigVersion> {
    const waiting = this.#waiting && this.#heardLast;
    return this.#inTurn(async () => {
      const { document, hash } = this.#version(number);
      const source = `rollback to ${number}`;
      const since = this.#versions.filter((version) => version.number > number && version.hash !== hash);
      const version = await this.#apply(await this.#validate(document, source), source, options);
      for (const each of since) this.#guards.bar(each.hash);
      if (waiting !== undefined) await this.#barWaiting(waiting);
      this.#guards.unbar(hash);
      return version;
    }, 'rollback');
  }

  /** What came before the rollback must not undo it because it waited. */
  async #barWaiting(text: string): Promise<void> {
    const valid = await this.#validate(text, this.#source).catch(ignore);
    if (valid === undefined) return;
    const hash = hashDocument(valid.document);
    this.#guards.bar(hash);
    if (this.#heardLast !== text || this.#waiting === undefined) return;
    this.#stopWaiting();
    this.#events.emit('held', { hash, reason: 'rolled_back' });
  }

  #stopWaiting(): void {
    this.#waiting?.cancel();
    this.#waiting = undefined;
  }

  async plan(document: string | ConfigDocument): Promise<ConfigPlan> {
    try {
      const valid = await this.#validate(document, 'plan');
      const changes = diffDocuments(this.current?.document ?? {}, valid.document);
      const resolver = await this.#resolverFor(valid);
      try {
        (await this.#prepare(valid, resolver, new Map())).abandon();
        return { changes, refused: undefined };
      } catch (thrown) {
        return { changes, refused: toError(thrown) };
      } finally {
        if (resolver !== this.#resolver) resolver?.close?.();
      }
    } catch (thrown) {
      return { changes: [], refused: toError(thrown) };
    }
  }

  diff(from: number, to: number): readonly ConfigChange[] {
    return diffDocuments(this.#version(from).document, this.#version(to).document);
  }

  on<Name extends keyof ConfigStoreEvents & string>(
    name: Name,
    listener: (...args: ConfigStoreEvents[Name]) => void,
  ): () => void {
    return this.#events.on(name, listener);
  }

  async close(): Promise<void> {
    if (this.#abort.signal.aborted) return;
    this.#abort.abort();
    this.#leave();
    this.#stopWaiting();
    this.#comparison?.close();
    for (const reject of this.#unready) reject();
    this.#unready.clear();
    await this.#queue;
    this.#events.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The source says something else. */
  #heard(value: string | undefined): void {
    // What is being written is blank for a moment, and would take every service out.
    if (value === undefined || value.trim() === '') {
      this.#failed(new FairleadError('FAIRLEAD_DISCOVERY', `There is no document at ${this.#source}.`));
      return;
    }
    const first = this.#heardLast === undefined;
    const changed = value !== this.#heardLast;
    if (!changed && this.#waiting !== undefined) return;
    this.#heardLast = value;
    const quietMs = this.#guards.delayMs(changed);
    // What is in force may be the last good one, which is older.
    const spreadMs = first || this.current === undefined ? 0 : this.#mesh.random.float() * this.#options.spreadMs;
    if (quietMs > 0) this.#events.emit('held', { hash: '', reason: 'storm' });
    this.#stopWaiting();
    const adopt = (): void => {
      this.#waiting = undefined;
      void this.#adopt(value);
    };
    if (quietMs + spreadMs === 0) adopt();
    else this.#waiting = this.#mesh.clock.after(quietMs + spreadMs, adopt);
  }

  async #adopt(value: string): Promise<void> {
    const source = this.#source;
    await this.#inTurn(async () => {
      const valid = await this.#validate(value, source);
      const hash = hashDocument(valid.document);
      if (this.#guards.isBarred(hash)) this.#events.emit('held', { hash, reason: 'rolled_back' });
      else await this.#apply(valid, source, { author: source });
    }, source).catch(ignore);
  }

  async #startFromLastGood(): Promise<void> {
    const kept = await this.#lastGood?.read().catch(this.#failed);
    if (typeof kept !== 'string' || this.current !== undefined) return;
    await this.#inTurn(async () => {
      if (this.current === undefined) await this.#apply(await this.#validate(kept, 'last good'), 'last good', {});
    }, 'last good').catch(ignore);
  }

  /** Runs after those before it; what it rejects with is told as well. */
  #inTurn<T>(run: () => Promise<T>, source: string): Promise<T> {
    const running = this.#queue.then(() => {
      if (this.#abort.signal.aborted) throw this.#closedError();
      return run();
    });
    this.#queue = running.catch(ignore);
    return running.catch((thrown: unknown) => {
      this.#events.emit('refused', { source, error: toError(thrown) });
      throw thrown;
    });
  }

  #validate(document: string | ConfigDocument, source: string): Promise<ValidDocument> {
    return validateDocument(document, source, this.#readers, this.#options.env ?? process.env);
  }

  async #apply(valid: ValidDocument, source: string, options: ApplyOptions): Promise<ConfigVersion> {
    const { author = 'unknown', ifVersion } = options;
    const before = this.current;
    if (ifVersion !== undefined && ifVersion !== (before?.number ?? 0)) {
      const message = `The configuration is at version ${before?.number ?? 0}, not ${ifVersion}: look at what changed.`;
      throw new FairleadError('FAIRLEAD_CONFLICT', message);
    }
    const { document } = valid;
    const hash = hashDocument(document);
    if (before?.hash === hash) return before;
    const changes = diffDocuments(before?.document ?? {}, document);
    const number = (before?.number ?? 0) + 1;
    const version = { number, hash, author, atMs: this.#mesh.clock.wallMs(), source, document, changes };
    const removed = this.#removedBy(document, number);
    const resolver = await this.#resolverFor(valid);
    let prepared: PreparedChange;
    try {
      prepared = await this.#prepare(valid, resolver, removed);
    } catch (thrown) {
      if (resolver !== this.#resolver) resolver?.close?.();
      throw thrown;
    }
    // From here to the event nothing waits, and nothing throws.
    prepared.swap();
    const replaced = this.#resolver;
    this.#resolver = resolver;
    this.#removed = removed;
    this.#versions = [...this.#versions, version].slice(-this.#options.history);
    this.#comparison?.begin((services) => this.#events.emit('compared', { version, services }));
    prepared.settle();
    this.#events.emit('applied', version);
    if (replaced !== resolver) replaced?.close?.();
    if (source !== 'last good') void this.#lastGood?.write(document).catch(this.#failed);
    return version;
  }

  async #prepare(
    { resolved }: ValidDocument,
    resolver: Resolver | undefined,
    removed: ReadonlyMap<string, string>,
  ): Promise<PreparedChange> {
    const { defaults, services = {} } = resolved;
    return prepareMesh(this.#mesh, { resolver, defaults, services, removed }, PATIENCE_MS);
  }

  /** The one there is, unless the document says something else of it. */
  async #resolverFor({ document, resolved }: ValidDocument): Promise<Resolver | undefined> {
    if (this.current !== undefined && isSame(document.resolver, this.current.document.resolver)) return this.#resolver;
    return this.#readers.makeResolver(resolved.resolver);
  }

  #removedBy(document: ConfigDocument, number: number): ReadonlyMap<string, string> {
    const removed = new Map(this.#removed);
    for (const name of Object.keys(this.current?.document.services ?? {})) {
      removed.set(name, `version ${number} of the configuration removed it`);
    }
    for (const name of Object.keys(document.services ?? {})) removed.delete(name);
    return removed;
  }

  #version(number: number): ConfigVersion {
    const version = this.#versions.find((each) => each.number === number);
    if (version !== undefined) return version;
    const kept = this.#versions.map((each) => each.number).join(', ') || 'none';
    throw invalidOption('version', number, `one that is kept: ${kept}`);
  }

  readonly #failed = (error: Error): void => this.#events.emit('refused', { source: this.#source, error });

  #closedError(): FairleadError {
    return new FairleadError('FAIRLEAD_CLOSED', 'The configuration store is closed.');
  }
}

function ignore(): void {}

/** It would take out of force what the first one says, and not tell that one. */
function refuseSecond(mesh: Mesh): void {
  const first = [...mesh.parts].find(({ kind }) => kind === 'config');
  if (first === undefined) return;
  const message = `The mesh has a configuration store already, '${first.name}': close that one first.`;
  throw new FairleadError('FAIRLEAD_CONFLICT', message);
}
