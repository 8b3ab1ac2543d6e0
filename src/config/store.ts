import type { Resolver } from '../discovery/resolver.js';
import { type Mesh, prepareMesh } from '../mesh.js';
import type { Canary } from '../routing/canary/canary.js';
import type { Routing } from '../routing/routing.js';
import { type EventNames, SafeEmitter } from '../runtime/emitter.js';
import { FairleadError, toError } from '../runtime/errors.js';
import { invalidOption } from '../runtime/options.js';
import { isSame } from '../runtime/same.js';
import type { PreparedChange } from '../service/change.js';
import { checkMesh } from '../service/check-mesh.js';
import { Comparison } from './comparison.js';
import type { ApplyOptions, ConfigStore } from './contract.js';
import { type ConfigChange, diffDocuments, diffReferences, hashDocument } from './diff.js';
import { type ConfigDocument, DocumentReaders } from './document.js';
import { FirstVersion } from './first-version.js';
import { LastGood } from './last-good.js';
import { tellNews } from './news.js';
import { RemovedServices } from './removed.js';
import { type Routings, routingsOf } from './routings.js';
import { type ConfigSections, type SectionUser, SectionUsers } from './sections.js';
import { type FollowerHost, SourceFollower } from './source-follower.js';
import { SourceGuards } from './source-guards.js';
import { type ConfigStoreOptions, readStoreOptions, type StoreSettings } from './store-options.js';
import { type ValidDocument, validateDocument } from './validate.js';
import type { ConfigPlan, ConfigStoreEvents, ConfigVersion } from './version.js';

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
  checkMesh('createConfigStore', mesh);
  return new LiveStore(mesh, options);
}

const EVENTS: EventNames<ConfigStoreEvents> = {
  applied: true,
  refused: true,
  unkept: true,
  held: true,
  canary: true,
  compared: true,
};

class LiveStore implements ConfigStore, FollowerHost {
  readonly #mesh: Mesh;
  readonly #options: StoreSettings;
  readonly #readers: DocumentReaders;
  readonly #guards: SourceGuards;
  readonly #events = new SafeEmitter<ConfigStoreEvents>(EVENTS);
  readonly #first: FirstVersion;
  readonly #comparison: Comparison | undefined;
  readonly #lastGood: LastGood | undefined;
  readonly #abort = new AbortController();
  readonly #leave: () => void;
  readonly #source: string;
  #versions: readonly ConfigVersion[] = [];
  /** The resolver that the current document names. */
  #resolver: Resolver | undefined;
  /** Documents that were refused, and whether the latest was. */
  #refused = 0;
  #refusing = false;
  /** Services that documents had and have no longer, and why they take no calls. */
  #removed = new RemovedServices();
  /** Documents are applied one after another. */
  #queue: Promise<unknown> = Promise.resolve();
  /** What the references of the current document hold; shown nowhere. */
  #resolved: ConfigDocument | undefined;
  readonly #follower: SourceFollower;
  readonly #routings: Routings;
  readonly #sections: SectionUsers;
  /** The last good document is being read, or nothing is. */
  readonly #starting: Promise<void>;

  constructor(mesh: Mesh, options: ConfigStoreOptions | undefined) {
    this.#options = readStoreOptions(options);
    this.#mesh = mesh;
    const { source, key, lastGood, compare, resolvers, spreadMs } = this.#options;
    this.#readers = new DocumentReaders(mesh.policies, resolvers);
    this.#guards = new SourceGuards(mesh.clock);
    this.#first = new FirstVersion(mesh.clock);
    this.#source = source === undefined ? 'code' : `${source.name} ${key}`;
    if (lastGood !== undefined) this.#lastGood = new LastGood(lastGood, this.#unkept);
    refuseSecond(mesh);
    this.#leave = mesh.register({
      kind: 'config',
      name: this.#source,
      figures: () => this.#figures(),
      close: () => void this.close(),
    });
    tellNews(this, mesh);
    if (compare) this.#comparison = new Comparison(mesh);
    this.#sections = new SectionUsers(this.#failed);
    this.#routings = routingsOf(mesh);
    this.#deaf = [
      this.#routings.events.on('canary', (event) => this.#events.emit('canary', event)),
      this.#routings.events.on('failed', this.#failed),
    ];
    this.#follower = new SourceFollower(this, mesh, spreadMs, this.#guards);
    this.#starting = this.#startFromLastGood();
    const value = (text: string | undefined, revision?: string): void => this.#follower.hear(text, revision);
    source?.watch(key, { value, error: this.#failed }, this.#abort.signal, mesh);
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
    const first = this.#first.wait();
    if (this.#options.source === undefined) void this.#endUnready();
    return first;
  }

  /** Without a source nothing more comes than what is being applied. */
  async #endUnready(): Promise<void> {
    await this.#starting;
    for (let queue: unknown; queue !== this.#queue; ) {
      queue = this.#queue;
      await queue;
    }
    if (this.current !== undefined) return;
    const error = invalidOption('createConfigStore.source', undefined, 'a source, where nothing is applied by hand');
    this.#first.fail(error);
  }

  /** Ends listening to the routings, which outlive it. */
  readonly #deaf: readonly (() => void)[];

  apply(document: string | ConfigDocument, options: ApplyOptions = {}): Promise<ConfigVersion> {
    return this.#inTurn(async () => {
      const valid = await this.#validate(document, 'code');
      this.#guards.unbar(hashDocument(valid.document));
      return this.#apply(valid, 'code', options);
    }, 'code');
  }

  rollback(number: number, options: ApplyOptions = {}): Promise<ConfigVersion> {
    const { waiting } = this.#follower;
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

  #figures(): Readonly<Record<string, number>> {
    const { current } = this;
    return {
      version: current?.number ?? 0,
      changes: current?.changes.length ?? 0,
      refused: this.#refused,
      refusing: Number(this.#refusing),
      ...this.#comparison?.figures,
    };
  }

  /** What came before the rollback must not undo it because it waited. */
  async #barWaiting(text: string): Promise<void> {
    const valid = await this.#validate(text, this.#source).catch(ignore);
    if (valid === undefined) return;
    const hash = hashDocument(valid.document);
    this.#guards.bar(hash);
    if (this.#follower.waiting !== text) return;
    this.#follower.stopWaiting();
    this.#events.emit('held', { hash, reason: 'rolled_back' });
  }

  async plan(document: string | ConfigDocument): Promise<ConfigPlan> {
    try {
      const valid = await this.#validate(document, 'plan');
      const changes = diffDocuments(this.current?.document ?? {}, valid.document, this.#removed.had);
      const resolver = await this.#resolverFor(valid);
      try {
        (await this.#prepare(valid, resolver, new Map())).abandon();
        this.#check(valid);
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
    return diffDocuments(this.#version(from).document, this.#version(to).document, this.#removed.had);
  }

  routing(service: string): Routing | undefined {
    return this.#routings.routing(service);
  }

  canary(service: string): Canary | undefined {
    return this.#routings.canary(service);
  }

  follow<Name extends keyof ConfigSections>(section: Name, user: SectionUser<ConfigSections[Name]>): () => void {
    return this.#sections.add(section, user);
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
    this.#follower.stopWaiting();
    this.#comparison?.close();
    this.#first.fail(this.#closedError());
    if (this.#mesh.closing.aborted) this.#routings.end();
    for (const stop of this.#deaf) stop();
    await this.#queue;
    this.#events.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  missing(): void {
    this.#failed(new FairleadError('FAIRLEAD_DISCOVERY', `There is no document at ${this.#source}.`));
  }

  held(event: ConfigStoreEvents['held'][0]): void {
    this.#events.emit('held', event);
  }

  adopt(text: string, revision: string | undefined): Promise<ConfigVersion | undefined> {
    const source = this.#source;
    return this.#inTurn(async () => {
      const valid = await this.#validate(text, source);
      const hash = hashDocument(valid.document);
      if (!this.#guards.isBarred(hash)) return this.#apply(valid, source, { author: source }, revision);
      this.#events.emit('held', { hash, reason: 'rolled_back' });
      return undefined;
    }, source).catch(ignore);
  }

  async #startFromLastGood(): Promise<void> {
    const kept = await this.#lastGood?.read().catch(this.#unkept);
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
      this.#refused++;
      this.#refusing = true;
      this.#events.emit('refused', { source, error: toError(thrown) });
      throw thrown;
    });
  }

  #validate(document: string | ConfigDocument, source: string): Promise<ValidDocument> {
    return validateDocument(document, source, this.#readers, this.#options.env ?? process.env);
  }

  async #apply(valid: ValidDocument, source: string, options: ApplyOptions, revision?: string): Promise<ConfigVersion> {
    const { author = 'unknown', ifVersion } = options;
    const before = this.current;
    if (ifVersion !== undefined && ifVersion !== (before?.number ?? 0)) {
      const message = `The configuration is at version ${before?.number ?? 0}, not ${ifVersion}: look at what changed.`;
      throw new FairleadError('FAIRLEAD_CONFLICT', message);
    }
    const { document, resolved } = valid;
    const hash = hashDocument(document);
    this.#refusing = false;
    // A variable may hold something else by now.
    if (before?.hash === hash && isSame(resolved, this.#resolved)) return before;
    const changes =
      before?.hash === hash
        ? diffReferences(document, this.#resolved, resolved)
        : diffDocuments(before?.document ?? {}, document, this.#removed.had);
    const number = (before?.number ?? 0) + 1;
    const atMs = this.#mesh.clock.wallMs();
    const version = { number, hash, author, atMs, source, revision, document, changes };
    const removed = this.#removed.after(document, number);
    const resolver = await this.#resolverFor(valid);
    let prepared: PreparedChange;
    try {
      prepared = await this.#prepare(valid, resolver, removed.reasons);
      try {
        this.#check(valid);
      } catch (thrown) {
        prepared.abandon();
        throw thrown;
      }
    } catch (thrown) {
      if (resolver !== this.#resolver) resolver?.close?.();
      throw thrown;
    }
    // From here to the event nothing waits, and nothing throws.
    prepared.swap();
    this.#routings.swap(resolved.routing ?? {});
    this.#sections.swap(resolved);
    const replaced = this.#resolver;
    this.#resolver = resolver;
    this.#removed = removed;
    this.#resolved = resolved;
    this.#versions = [...this.#versions, version].slice(-this.#options.history);
    this.#comparison?.begin(version.number, (services) => this.#events.emit('compared', { version, services }));
    prepared.settle();
    this.#first.is(version);
    this.#events.emit('applied', version);
    if (replaced !== resolver) replaced?.close?.();
    if (source !== 'last good') this.#lastGood?.write(document);
    return version;
  }

  /** What stands in the way of a document that is right by itself. */
  #check({ resolved }: ValidDocument): void {
    this.#routings.check(resolved.routing ?? {});
    this.#sections.check(resolved);
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
  async #resolverFor({ resolved }: ValidDocument): Promise<Resolver | undefined> {
    if (this.#resolved !== undefined && isSame(resolved.resolver, this.#resolved.resolver)) return this.#resolver;
    return this.#readers.makeResolver(resolved.resolver);
  }

  #version(number: number): ConfigVersion {
    const version = this.#versions.find((each) => each.number === number);
    if (version !== undefined) return version;
    const kept = this.#versions.map((each) => each.number).join(', ') || 'none';
    throw invalidOption('version', number, `one that is kept: ${kept}`);
  }

  readonly #unkept = (error: Error): void => {
    this.#events.emit('unkept', { path: this.#options.lastGood!, error });
  };

  readonly #failed = (error: Error): void => this.#events.emit('refused', { source: this.#source, error });

  #closedError(): FairleadError {
    return new FairleadError('FAIRLEAD_CLOSED', 'The configuration store is closed.');
  }
}

function ignore(): undefined {}

/** It would take out of force what the first one says, and not tell that one. */
function refuseSecond(mesh: Mesh): void {
  const first = [...mesh.parts].find(({ kind }) => kind === 'config');
  if (first === undefined) return;
  const message = `The mesh has a configuration store already, '${first.name}': close that one first.`;
  throw new FairleadError('FAIRLEAD_CONFLICT', message);
}
