import { type Conditions, compareConditions } from './conditions.js';
import { ANY, type PathPattern } from './path-pattern.js';

/** A route at a place of the trie. */
export interface Candidate<T> {
  readonly value: T;
  readonly pattern: PathPattern;
  readonly conditions: Conditions;
}

/** Returns what it wants of the candidates at one place. */
export type Choose<T, R> = (candidates: readonly Candidate<T>[]) => R | undefined;

class Node<T> {
  children: Map<string, Node<T>> | undefined;
  any: Node<T> | undefined;
  /** Whose paths end here. */
  ends: Candidate<T>[] | undefined;
  /** Whose paths go on with anything. */
  rest: Candidate<T>[] | undefined;
}

/**
 * Routes by the segments of their paths. A look-up visits one node for each segment of the path,
 * however many routes there are; one more where a segment in braces stands beside that very name.
 */
export class PathTrie<T> {
  readonly #root = new Node<T>();

  add(candidate: Candidate<T>): void {
    let node = this.#root;
    for (const segment of candidate.pattern.segments) {
      if (segment === ANY) {
        node.any ??= new Node();
        node = node.any;
        continue;
      }
      node.children ??= new Map();
      let child = node.children.get(segment);
      if (child === undefined) {
        child = new Node();
        node.children.set(segment, child);
      }
      node = child;
    }
    node.ends ??= [];
    node.rest ??= [];
    insert(candidate.pattern.prefix ? node.rest : node.ends, candidate);
  }

  /** Whole paths first, then prefixes from the longest to the shortest; names before braces. */
  find<R>(segments: readonly string[], choose: Choose<T, R>): R | undefined {
    return ended(this.#root, segments, 0, choose) ?? begun(this.#root, segments, 0, choose);
  }
}

function ended<T, R>(node: Node<T>, segments: readonly string[], i: number, choose: Choose<T, R>): R | undefined {
  if (i === segments.length) return node.ends && choose(node.ends);
  const segment = segments[i]!;
  const child = node.children?.get(segment);
  const found = child && ended(child, segments, i + 1, choose);
  if (found !== undefined || node.any === undefined || segment === '') return found;
  return ended(node.any, segments, i + 1, choose);
}

function begun<T, R>(node: Node<T>, segments: readonly string[], i: number, choose: Choose<T, R>): R | undefined {
  if (i < segments.length) {
    const segment = segments[i]!;
    const child = node.children?.get(segment);
    let found = child && begun(child, segments, i + 1, choose);
    if (found === undefined && node.any !== undefined && segment !== '') {
      found = begun(node.any, segments, i + 1, choose);
    }
    if (found !== undefined) return found;
  }
  return node.rest && choose(node.rest);
}

/** Behind those that are asked before it; the configuration's order among equals. */
function insert<T>(list: Candidate<T>[], candidate: Candidate<T>): void {
  const at = list.findLastIndex(({ conditions }) => compareConditions(conditions, candidate.conditions) <= 0);
  list.splice(at + 1, 0, candidate);
}
