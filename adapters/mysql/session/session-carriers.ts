import type { KeySettings } from '../../../src/adapter.js';
import type { Clock } from '../../../src/index.js';
import type { Freshness } from './freshness.js';
import type { SessionMark, SessionTokens } from './session-token.js';
import { ConsistencySession, withScope } from './write-history.js';

/** A session that goes from one process to another by a token. */
export interface CarriedSession {
  /** Runs `run` in it. */
  run<T>(run: () => T): T;
  /** Its token where it did something since it began here, else undefined. */
  changed(): string | undefined;
}

/** Begins a session, or goes on with that of a token. */
type BeginSession = (token: string | undefined) => CarriedSession;

/** How sessions that these keys sign begin, by the pool as its user holds it. */
export const sessionCarriers: WeakMap<object, (keys: readonly KeySettings[]) => BeginSession> = new WeakMap();

export function carrySessions(tokens: SessionTokens, freshness: Freshness, clock: Clock): BeginSession {
  return (token) => {
    const session = new ConsistencySession(true, clock.now());
    const mark = tokens.read(token);
    if (mark !== undefined) freshness.import(session, mark);
    const before = textOf(freshness.export(session));
    return {
      run: (run) => withScope('next', { session }, run),
      changed: () => {
        const after = freshness.export(session);
        return textOf(after) === before ? undefined : tokens.issue(after);
      },
    };
  };
}

/** Tokens of the same session differ, by when they end. */
const textOf = (mark: SessionMark): string => JSON.stringify(mark);
