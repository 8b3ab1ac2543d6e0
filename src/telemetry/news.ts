import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';

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

const NEWS = 'fairlead:news';
const news = channel(NEWS);

/** Costs one comparison while there are no subscribers. */
export function publishNews(owner: object, level: NewsMessage['level'], text: string, subject: string): void {
  if (news.hasSubscribers) news.publish({ owner, level, text, subject } satisfies NewsMessage);
}

/** Hears of what happens to a mesh and its services, until the returned function is called. */
export function followNews(
  mesh: { readonly services: ReadonlyMap<string, object> },
  heard: (message: NewsMessage) => void,
): () => void {
  const listener = (message: unknown): void => {
    const said = message as NewsMessage;
    const { owner } = said;
    if (owner === mesh || mesh.services.get((owner as { readonly name: string }).name) === owner) heard(said);
  };
  subscribe(NEWS, listener);
  return () => void unsubscribe(NEWS, listener);
}
