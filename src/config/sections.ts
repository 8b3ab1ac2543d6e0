import { toError } from '../runtime/errors.js';
import { isSame } from '../runtime/same.js';
import type { ConfigDocument } from './document.js';

/** Sections of a document for what is made over the mesh. */
export interface ConfigSections {
  readonly gateway: NonNullable<ConfigDocument['gateway']>;
  readonly alerts: NonNullable<ConfigDocument['alerts']>;
}

/**
 * Contract: what goes by a section of the document, such as a gateway. `said` is undefined where
 * the document has no such section: then what the program gave holds.
 */
export interface SectionUser<T> {
  /**
   * Throws what is wrong with it for this user: the document is refused. It was read before, and is
   * right by itself.
   */
  check(said: T | undefined): void;
  /** It is in force, in the turn of `check`. */
  use(said: T | undefined): void;
}

type Name = keyof ConfigSections;

/** Who goes by which section. */
export class SectionUsers {
  readonly #users = new Set<{ readonly name: Name; readonly user: SectionUser<unknown> }>();
  readonly #failed: (error: Error) => void;
  #current: ConfigDocument = {};

  constructor(failed: (error: Error) => void) {
    this.#failed = failed;
  }

  /** From now on. Throws what the user says of what is in force. */
  add<N extends Name>(name: N, user: SectionUser<ConfigSections[N]>): () => void {
    const said = this.#current[name];
    if (said !== undefined) {
      user.check(said as ConfigSections[N]);
      user.use(said as ConfigSections[N]);
    }
    const entry = { name, user: user as SectionUser<unknown> };
    this.#users.add(entry);
    return () => void this.#users.delete(entry);
  }

  check(document: ConfigDocument): void {
    for (const { name, user } of this.#changed(document)) user.check(document[name]);
  }

  /** Throws nothing. */
  swap(document: ConfigDocument): void {
    const changed = this.#changed(document);
    this.#current = document;
    for (const { name, user } of changed) {
      try {
        user.use(document[name]);
      } catch (thrown) {
        this.#failed(toError(thrown));
      }
    }
  }

  #changed(document: ConfigDocument): { readonly name: Name; readonly user: SectionUser<unknown> }[] {
    return [...this.#users].filter(({ name }) => !isSame(document[name], this.#current[name]));
  }
}
