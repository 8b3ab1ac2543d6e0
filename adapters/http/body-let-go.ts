import type { Repeat } from '../../src/adapter.js';
import { Outcome } from '../../src/index.js';
import { AttemptFailed } from './attempt-failed.js';
import type { HttpVerdict } from './verdict.js';

/** An attempt that came too late for its body: it says nothing of its server. */
export class BodyLetGo extends Error {
  readonly code = 'UND_ERR_ABORTED';
  constructor() {
    super('The body of the request is let go: it cannot be sent from the beginning.');
  }
}

/**
 * What may follow a failure, with `beside` other attempts at work: a body that is let go begins
 * none from the beginning, and ends none of those.
 */
export function repeatWithBody(error: unknown, { repeat }: HttpVerdict, replayable: boolean, beside: number): Repeat {
  if (beside <= 0) return replayable ? repeat : 'never';
  return error instanceof BodyLetGo ? 'idempotent' : repeat;
}

/** Of a hedge that is not made: those that are at work go on. */
export const notMade = (): AttemptFailed =>
  new AttemptFailed(undefined, { outcome: Outcome.Cancelled, repeat: 'always' });
