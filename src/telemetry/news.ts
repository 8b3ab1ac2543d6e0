import { channel } from 'node:diagnostics_channel';

/**
 * Message of `fairlead:news`: something happened that an operator must know, in words. What happens
 * to endpoints has events of its own.
 */
export interface NewsMessage {
  /** The mesh or the service that it happened to. */
  readonly owner: object;
  readonly level: 'info' | 'warn' | 'error';
  /** The cause, the same for all whom it concerns. */
  readonly text: string;
  /** Whom it concerns. */
  readonly subject: string;
}

const news = channel('fairlead:news');

/** Costs one comparison while there are no subscribers. */
export function publishNews(owner: object, level: NewsMessage['level'], text: string, subject: string): void {
  if (news.hasSubscribers) news.publish({ owner, level, text, subject } satisfies NewsMessage);
}
