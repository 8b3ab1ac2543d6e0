import { type Conditions, hold, type RoutedRequest } from './conditions.js';
import { ANY_PATH, type PathPattern } from './path-pattern.js';
import { type Candidate, type Choose, PathTrie } from './path-trie.js';
import type { Target } from './target.js';

/** One match of a route, read. */
export interface MatchSettings extends Conditions {
  /** In normal form; empty for any. */
  readonly hosts: readonly string[];
  readonly path: PathPattern;
}

export const MATCH_ALL: MatchSettings = {
  hosts: [],
  path: ANY_PATH,
  methods: undefined,
  headers: [],
  query: [],
};

/** What a request matched. */
export interface Matched<T> {
  readonly value: T;
  readonly pattern: PathPattern;
}

/**
 * Routes by what requests look like. Immutable: another set of routes is another table.
 *
 * Costs one look for each label of the host, one node for each segment of the path, and the
 * conditions of those routes that have the very same host and path.
 */
export class RouteTable<T> {
  readonly #names = new Map<string, PathTrie<T>>();
  /** By what stands behind `*.`. */
  readonly #wildcards = new Map<string, PathTrie<T>>();
  readonly #any = new PathTrie<T>();

  constructor(routes: readonly (readonly [value: T, matches: readonly MatchSettings[]])[]) {
    for (const [value, matches] of routes) {
      for (const { hosts, path, ...conditions } of matches) {
        const candidate: Candidate<T> = { value, pattern: path, conditions };
        if (hosts.length === 0) this.#any.add(candidate);
        for (const host of hosts) this.#trieOf(host).add(candidate);
      }
    }
  }

  /** `host` in normal form. */
  find(host: string, { segments, query }: Target, request: RoutedRequest): Matched<T> | undefined {
    const parameters = lazily(query);
    return this.#look(host, segments, (candidates) => {
      for (const candidate of candidates) {
        const { methods } = candidate.conditions;
        if (methods !== undefined && !methods.has(request.method)) continue;
        if (hold(candidate.conditions, request, parameters)) return candidate;
      }
      return undefined;
    });
  }

  /** Methods that would have matched where this one does not: for 405 and its `Allow`. */
  methodsFor(host: string, { segments, query }: Target, request: RoutedRequest): ReadonlySet<string> {
    const found = new Set<string>();
    const parameters = lazily(query);
    this.#look(host, segments, (candidates) => {
      for (const { conditions } of candidates) {
        if (!hold(conditions, request, parameters)) continue;
        for (const method of conditions.methods ?? []) found.add(method);
      }
      return undefined;
    });
    return found;
  }

  #look<R>(host: string, segments: readonly string[], choose: Choose<T, R>): R | undefined {
    const named = this.#names.get(host)?.find(segments, choose);
    if (named !== undefined) return named;
    if (this.#wildcards.size > 0) {
      for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) {
        const found = this.#wildcards.get(host.slice(dot + 1))?.find(segments, choose);
        if (found !== undefined) return found;
      }
    }
    return this.#any.find(segments, choose);
  }

  #trieOf(host: string): PathTrie<T> {
    const wild = host.startsWith('*.');
    const [tries, key] = wild ? [this.#wildcards, host.slice(2)] : [this.#names, host];
    let trie = tries.get(key);
    if (trie === undefined) {
      trie = new PathTrie();
      tries.set(key, trie);
    }
    return trie;
  }
}

function lazily(query: string): () => URLSearchParams {
  let read: URLSearchParams | undefined;
  return () => {
    read ??= new URLSearchParams(query);
    return read;
  };
}
