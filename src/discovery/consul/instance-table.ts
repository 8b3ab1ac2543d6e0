import { hash } from 'node:crypto';
import { type EndpointSpec, sameSpec } from '../../endpoint/endpoint.js';
import { type EntryOptions, type Listed, readEntry, UnreadableEntry } from './health-entry.js';

/**
 * The instances as Consul last listed them. An entry whose bytes are those of the last time is not
 * parsed again, and a spec that says the same as before stays the same object: of 5,000 instances
 * of which one changed, one is parsed, and the membership's comparison is of pointers.
 */
export class InstanceTable {
  readonly #options: EntryOptions;
  readonly #limit: number;
  #byDigest: ReadonlyMap<string, Listed> = new Map();
  #byId: ReadonlyMap<string, EndpointSpec> = new Map();

  constructor(options: EntryOptions, limit: number) {
    this.#options = options;
    this.#limit = limit;
  }

  /**
   * Reads one answer. Nothing changes here until it is committed, so an answer that breaks off
   * leaves no trace.
   */
  begin(): ListUpdate {
    return new ListUpdate(this.#options, this.#byDigest, this.#byId);
  }

  /** The answer is complete: its endpoints, in Consul's order, from now on those of the table. */
  commit(update: ListUpdate): readonly EndpointSpec[] {
    const specs = update.specs(this.#limit);
    this.#byDigest = update.byDigest;
    this.#byId = update.byId;
    return specs;
  }
}

/** One answer being read. All that takes time is done per entry, while the bytes arrive. */
export class ListUpdate {
  readonly byDigest: Map<string, Listed> = new Map();
  readonly byId: Map<string, EndpointSpec> = new Map();
  /** Elements that were left out. */
  unreadable = 0;
  readonly #options: EntryOptions;
  readonly #known: ReadonlyMap<string, Listed>;
  readonly #knownById: ReadonlyMap<string, EndpointSpec>;
  readonly #listed: Listed[] = [];
  /** Ids that more than one node has. */
  readonly #shared = new Set<string>();

  constructor(options: EntryOptions, known: ReadonlyMap<string, Listed>, knownById: ReadonlyMap<string, EndpointSpec>) {
    this.#options = options;
    this.#known = known;
    this.#knownById = knownById;
  }

  /** It has elements, and none of them is an instance: another answer than an empty list. */
  get isForeign(): boolean {
    return this.unreadable > 0 && this.byDigest.size === 0;
  }

  readonly add = (bytes: Buffer): void => {
    // Not for security: to recognise equal bytes at a quarter of the cost of parsing them. In one
    // call: thousands of Hash objects would each weigh on the garbage collector.
    const digest = hash('sha1', bytes, 'base64');
    if (this.byDigest.has(digest)) return;
    const listed = this.#known.get(digest) ?? this.#tryRead(bytes);
    if (listed === undefined) return;
    this.byDigest.set(digest, listed);
    const { id } = listed.spec;
    if (this.byId.has(id)) this.#shared.add(id);
    this.byId.set(id, listed.spec);
    this.#listed.push(listed);
  };

  /**
   * What was read, up to the healthy instance that makes `limit` of them. A service id is unique on
   * its node only: where two nodes have the same, each of those gets its node's name behind it,
   * `web@node-1`.
   */
  specs(limit: number): readonly EndpointSpec[] {
    const listed = this.#listed.slice(0, lengthWith(limit, this.#listed));
    if (this.#shared.size === 0) return listed.map(({ spec }) => spec);
    return listed.map(({ spec, node }) => {
      if (!this.#shared.has(spec.id)) return spec;
      const named = this.#reuse({ ...spec, id: `${spec.id}@${node}` });
      this.byId.set(named.id, named);
      return named;
    });
  }

  /** One that cannot be read must not take the others away. */
  #tryRead(bytes: Buffer): Listed | undefined {
    try {
      return this.#read(bytes);
    } catch (error) {
      if (!(error instanceof UnreadableEntry)) throw error;
      this.unreadable++;
      return undefined;
    }
  }

  #read(bytes: Buffer): Listed {
    const listed = readEntry(bytes, this.#options);
    return { ...listed, spec: this.#reuse(listed.spec) };
  }

  #reuse(spec: EndpointSpec): EndpointSpec {
    const known = this.#knownById.get(spec.id);
    return known !== undefined && sameSpec(known, spec) ? known : spec;
  }
}

/** How long the beginning of the list is that has `healthy` healthy instances. */
function lengthWith(healthy: number, listed: readonly Listed[]): number {
  if (listed.length <= healthy) return listed.length;
  let count = 0;
  const last = listed.findIndex(({ spec }) => spec.healthy !== false && ++count === healthy);
  return last < 0 ? listed.length : last + 1;
}
