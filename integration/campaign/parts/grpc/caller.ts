import type { Answer, Request } from './messages.js';

/** How a stream of answers is left. */
export type Leaving = 'read' | 'break' | 'throw' | 'cancel' | 'destroy' | 'unread';

export interface CallSettings {
  readonly timeoutMs: number;
  /** The routing key. */
  readonly key?: string;
  /** To cancel after so long; 0: in the same turn of the event loop. */
  readonly cancelMs?: number;
}

/** The calls of the campaign, by one of the client libraries. */
export interface Caller {
  /** Whether a time-out below 0 is one that has passed; Connect takes it for none. */
  readonly knowsPastDeadlines: boolean;
  /** Idempotent. */
  read(request: Request, settings: CallSettings): Promise<Answer>;
  /** Not idempotent. */
  write(request: Request, settings: CallSettings): Promise<Answer>;
  /** A stream of answers, as many as were read until it was left. */
  count(request: Request, settings: CallSettings, leaving: Leaving): Promise<Answer[]>;
  /** A stream of requests; undefined where the library has none here. */
  gather?(requests: readonly Request[], settings: CallSettings): Promise<Answer>;
  chat(requests: readonly Request[], settings: CallSettings, leaving: Leaving): Promise<Answer[]>;
  close(): Promise<void>;
}

/** The time of a stream that only its reader ends: longer than anything waits for its end. */
export const ENDLESS_MS = 15_000;

/** What the reader throws to leave a loop. */
export class Left extends Error {}
