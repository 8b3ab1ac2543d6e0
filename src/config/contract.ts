import type { Canary } from '../routing/canary/canary.js';
import type { Routing } from '../routing/routing.js';
import type { ConfigChange } from './diff.js';
import type { ConfigDocument } from './document.js';
import type { ConfigSections, SectionUser } from './sections.js';
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
  /**
   * Resolves with the first version. Rejects with FAIRLEAD_CLOSED, and with FAIRLEAD_INVALID_OPTION
   * where none can come: there is no source, and nothing is being applied.
   */
  ready(): Promise<ConfigVersion>;
  /**
   * Puts a document in force for all services at once: JSON or YAML text, or an object. Resolves
   * with its version; with the current one where it says the same, and its references hold the
   * same. Rejects with ConfigError, which
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
  /** How the document routes the calls of a service; undefined where it does not, or not yet. */
  routing(service: string): Routing | undefined;
  /** The canary that the document began for a service: for the hand, to pause or promote it. */
  canary(service: string): Canary | undefined;
  /**
   * Contract: from now on `user` goes by a section of the document, until the returned function is
   * called. Throws what it says of the section that is in force.
   */
  follow<Name extends keyof ConfigSections>(section: Name, user: SectionUser<ConfigSections[Name]>): () => void;
  on<Name extends keyof ConfigStoreEvents & string>(
    name: Name,
    listener: (...args: ConfigStoreEvents[Name]) => void,
  ): () => void;
  /** Stops following the source. What is in force stays. Idempotent. */
  close(): Promise<void>;
}
