import { LRUCache } from 'lru-cache';
import { classify } from './classify.js';
import { isServerSchema } from './one-server.js';
import { operationName } from './operation-name.js';
import type { Statement } from './verdicts.js';

export interface RouterOptions {
  readonly primaryFunctions: readonly string[];
  /** The user's word on a statement, which goes before the scanner's. */
  readonly override: ((sql: string) => 'primary' | 'replica' | undefined) | undefined;
  /** The database of the login, in which a table without a schema is. */
  readonly database?: unknown;
  /** Whether comments at the head of a statement decide where it goes. Default true. */
  readonly hints?: boolean;
}

/**
 * Texts remembered. Applications with placeholders have hundreds; those without have no end of
 * them.
 */
const MAX_TEXTS = 2_000;

/**
 * Longer texts are bulk inserts and the like, each one different: scanning them costs less than
 * keeping them.
 */
const MAX_CACHED_LENGTH = 8_192;

/** Given with each look, or the cache makes an empty one. */
const AS_IT_IS = {};

/** A comment with fairlead:primary or fairlead:replica at the head of a statement. */
const HINT = /^\s*\/\*\s*fairlead:(primary|replica)\s*\*\//i;

/** Where statements may run, remembered by their text. */
export class Router {
  readonly #cache = new LRUCache<string, Statement>({ max: MAX_TEXTS });
  readonly #functions: { readonly primaryFunctions: ReadonlySet<string> };
  readonly #override: RouterOptions['override'];
  readonly #inServerSchema: boolean;
  readonly #hints: boolean;

  constructor(options: RouterOptions) {
    this.#functions = { primaryFunctions: new Set(options.primaryFunctions.map((name) => name.toLowerCase())) };
    this.#override = options.override;
    this.#inServerSchema = isServerSchema(options.database);
    this.#hints = options.hints ?? true;
  }

  route(sql: string): Statement {
    const known = this.#cache.get(sql, AS_IT_IS);
    if (known !== undefined) return known;
    const statement: Statement = { ...this.#judge(sql), operation: operationName(sql) };
    if (sql.length <= MAX_CACHED_LENGTH) this.#cache.set(sql, statement);
    return statement;
  }

  #judge(sql: string): Statement {
    const scanned = this.#scan(sql);
    const asked = this.#ask(sql);
    if (asked === 'primary' || (asked === 'replica' && mayBeAsked(scanned))) {
      return { ...scanned, forced: asked, reason: 'the classify option says so' };
    }
    const hint = this.#hints ? HINT.exec(sql)?.[1]?.toLowerCase() : undefined;
    // Users' text may get into comments: it must not send to a replica what may write.
    if (hint === undefined || (hint === 'replica' && scanned.onReplica !== 'yes')) return scanned;
    return { ...scanned, hint: hint as 'primary' | 'replica', reason: `a hint in the statement says ${hint}` };
  }

  #scan(sql: string): Statement {
    const scanned = classify(sql, this.#functions);
    if (!this.#inServerSchema || scanned.route !== 'replica' || scanned.effect !== 'none') return scanned;
    return { ...scanned, route: 'primary', reason: 'reads from a schema about one server' };
  }

  #ask(sql: string): 'primary' | 'replica' | undefined {
    try {
      const answer = this.#override?.(sql);
      return answer === 'primary' || answer === 'replica' ? answer : undefined;
    } catch {
      return undefined;
    }
  }
}

/** Whether the word of the program is enough to send it to a replica. */
export function mayBeAsked({ onReplica }: Statement): boolean {
  return onReplica === 'yes' || onReplica === 'asked';
}
