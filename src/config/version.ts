import type { CanaryStatus } from '../routing/canary/canary.js';
import type { ConfigChange } from './diff.js';
import type { ConfigDocument } from './document.js';
import type { ConfigError } from './errors.js';

/** A document that was in force. It holds references where it has secrets, never what they hold. */
export interface ConfigVersion {
  /** Counts from 1 within this process. */
  readonly number: number;
  /** Of what the document says: the same in every process of a fleet. */
  readonly hash: string;
  readonly author: string;
  /** When it came into force, by the machine's calendar; milliseconds. Versions go by number. */
  readonly atMs: number;
  /** Where it came from: `code`, a key or a file, `rollback to 3`, `last good`. */
  readonly source: string;
  /**
   * The source's own number of this change: Consul's ModifyIndex, etcd's mod_revision. The same in
   * every process of a fleet; undefined where the source has none.
   */
  readonly revision: string | undefined;
  readonly document: ConfigDocument;
  /** What it changed. */
  readonly changes: readonly ConfigChange[];
}

/** What a document would do. */
export interface ConfigPlan {
  readonly changes: readonly ConfigChange[];
  /** Why it would be refused; undefined where it would not be. */
  readonly refused: Error | undefined;
}

/** How a service did around a version. */
export interface ServiceComparison {
  readonly service: string;
  readonly before: CallFigures;
  readonly after: CallFigures;
}

/** Of some seconds: null where there was no call. */
export interface CallFigures {
  readonly calls: number;
  /** Share of the calls that failed, 0 to 1. */
  readonly failureRatio: number | null;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

export interface ConfigStoreEvents {
  /** A document is in force. */
  readonly applied: readonly [version: ConfigVersion];
  /** A document was refused, or its source failed: the one before stays in force. */
  readonly refused: readonly [event: { readonly source: string; readonly error: ConfigError | Error }];
  /** `lastGood` could not be written, or read: what is in force goes on, and is not kept there. */
  readonly unkept: readonly [event: { readonly path: string; readonly error: Error }];
  /**
   * A document from the source waits: there were too many lately (`storm`), or it was rolled back
   * (`rolled_back`) and is refused from the source for a while.
   */
  readonly held: readonly [event: { readonly hash: string; readonly reason: 'storm' | 'rolled_back' }];
  /** A canary that a document began is in another step, or state, or waits for calls. */
  readonly canary: readonly [event: { readonly service: string; readonly status: CanaryStatus }];
  /** How each service did in the seconds before a version, and in those after it. */
  readonly compared: readonly [
    event: { readonly version: ConfigVersion; readonly services: readonly ServiceComparison[] },
  ];
}
