import type { Dispatcher } from 'undici';
import type { Endpoint, Outcome, Timer } from '../../src/index.js';
import type { StableController } from './stable-controller.js';

/** What an attempt may call of its exchange. */
export interface AttemptHost<Attempt> {
  readonly handler: Dispatcher.DispatchHandler;
  /** What handlers of the newer words hold. */
  readonly controller: StableController;
  /** Undefined while nobody reads figures. */
  readonly figures: { bytes(endpoint: Endpoint, sent: number, received: number): void } | undefined;
  /** Of the request, where they are known before it is sent; else 0. */
  readonly bodyBytes: number;
  /** Ends the exchange for the caller, who gave up, with all its attempts. */
  readonly abort: (reason?: Error) => void;
  /** Whether the request may be written. */
  starting(attempt: Attempt): boolean;
  /** Whether the handler has yet to hear of the start. */
  announces(): boolean;
  /** A final status came. False where the caller will see another one. */
  accepts(attempt: Attempt, status: number): boolean;
  /** The caller sees this attempt. The others end. */
  commit(attempt: Attempt): boolean;
  /** The response has arrived whole. */
  completing(attempt: Attempt): void;
  /** The caller's handler threw at the end of the response. */
  threw(error: Error): void;
  failed(attempt: Attempt, error: Error): void;
  outcomeOf(status: number): Outcome;
  /** Runs when a response has gone unread for too long. */
  after(fire: () => void): Timer;
}
