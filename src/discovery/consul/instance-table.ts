import { createHash } from 'node:crypto';
import { type EndpointSpec, sameSpec } from '../../endpoint/endpoint.js';
import { type EntryOptions, type Listed, readEntry } from './health-entry.js';

/**
 * The instances as Consul last listed them. An entry whose bytes are those of the last time is not parsed again, and a
 * spec that says the same as before stays the same object: of 5,000 instances of which one changed, one is parsed, and
 * the membership's comparison is of pointers.
 */
export class InstanceTable {
  readonly #options: EntryOptions;
  readonly #limit: number;
  #byDigest = new Map<string, Listed | undefined>();
  #byId = new Map<string, EndpointSpec>();

  constructor(options: EntryOptions, limit: number) {
    this.#options = options;
    this.#limit = limit;
  }

  /** Reads one answer. Nothing changes here until it is committed, so an answer that breaks off leaves no trace. */
  begin(): ListUpdate {
    return new ListUpdate(this.#options, this.#byDigest, (byDigest) => this.#commit(byDigest));
  }

  #commit(byDigest: Map<string, Listed | undefined>): readonly EndpointSpec[] {
    let listed = [...byDigest.values()].filter((each) => each !== undefined);
    if (listed.length > this.#limit) listed = listed.slice(0, this.#limit);
    const specs = withUniqueIds(listed);
    const byId = new Map<string, EndpointSpec>();
    for (let i = 0; i < specs.length; i++) {
      const known = this.#byId.get(specs[i]!.id);
      if (known !== undefined && sameSpec(known, specs[i]!)) specs[i] = known;
      byId.set(specs[i]!.id, specs[i]!);
    }
    this.#byDigest = byDigest;
    this.#byId = byId;
    return specs;
  }
}

/** One answer being read. */
export class ListUpdate {
  readonly #options: EntryOptions;
  readonly #known: ReadonlyMap<string, Listed | undefined>;
  readonly #next = new Map<string, Listed | undefined>();
  readonly #adopt: (byDigest: Map<string, Listed | undefined>) => readonly EndpointSpec[];

  constructor(
    options: EntryOptions,
    known: ReadonlyMap<string, Listed | undefined>,
    adopt: (byDigest: Map<string, Listed | undefined>) => readonly EndpointSpec[],
  ) {
    this.#options = options;
    this.#known = known;
    this.#adopt = adopt;
  }

  readonly add = (bytes: Buffer): void => {
    // Not for security: to tell equal bytes at a quarter of the cost of parsing them.
    const digest = createHash('sha1').update(bytes).digest('base64');
    const known = this.#known.get(digest);
    this.#next.set(digest, known !== undefined || this.#known.has(digest) ? known : readEntry(bytes, this.#options));
  };

  /** The answer is complete: its endpoints, in Consul's order, from now on those of the table. */
  commit(): readonly EndpointSpec[] {
    return this.#adopt(this.#next);
  }
}

/**
 * A service id is unique on its node only. Where two nodes have the same, each of those gets its node's name behind it:
 * `web@node-1`.
 */
function withUniqueIds(listed: readonly Listed[]): EndpointSpec[] {
  const seen = new Set<string>();
  const shared = new Set<string>();
  for (const { spec } of listed) {
    if (seen.has(spec.id)) shared.add(spec.id);
    seen.add(spec.id);
  }
  return listed.map(({ spec, node }) => (shared.has(spec.id) ? { ...spec, id: `${spec.id}@${node}` } : spec));
}
