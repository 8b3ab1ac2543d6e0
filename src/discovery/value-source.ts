import type { DiscoveryContext } from './context.js';

/**
 * Contract: a source of single values by key, reported by push: configuration that is kept where
 * the endpoints are.
 */
export interface ValueSource {
  /** The name in error messages. */
  readonly name: string;
  /**
   * Begins to watch one key. Never throws; errors go to the sink while the last value stays in
   * force. Ends when the signal aborts: from then on the sink is not called.
   */
  watch(key: string, sink: ValueSink, signal: AbortSignal, context?: DiscoveryContext): void;
}

export interface ValueSink {
  /**
   * The value as of now; undefined where the key does not exist. Called again only when it changed.
   * `revision`: the source's own number of this change, where it has one: the same in every process
   * that sees it.
   */
  value(text: string | undefined, revision?: string): void;
  error(error: Error): void;
}
