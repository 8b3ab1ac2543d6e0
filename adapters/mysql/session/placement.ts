import { FairleadError } from '../../../src/index.js';
import { mayBeAsked } from '../statement/router.js';
import type { Job } from './job.js';
import type { SessionState } from './session-state.js';

/** What a session holds. */
type Held = Readonly<SessionState>;

/**
 * What becomes of a statement whose session holds something on a replica: it runs there (`held`);
 * there, once that replica has what the session wrote (`held_when_fresh`); on the primary, because
 * it ends what is held (`leave`), or because nothing was read of it yet and it can begin there as
 * well (`begin_on_primary`); or nowhere.
 */
export type Placement = 'held' | 'held_when_fresh' | 'leave' | 'begin_on_primary' | 'refuse';

/**
 * What pins a session pins it on the primary, where everything else of the session can run too. Two
 * things are on a replica all the same: a read-only transaction, and what a call sent there by its
 * own `route`. Replicas accept locks and variables without a word, and answer reads with what they
 * have; so what must be right there is decided here and not by them.
 */
export function placeOnReplica({ operation, consistency, saysReplica }: Job, state: Held): Placement {
  const { statement } = operation;
  const { effect, onReplica, route } = statement;
  if (effect === 'user') return 'leave';
  if (route === 'same' && onReplica === 'never') return 'held';
  const isRead = onReplica === 'yes' && effect === 'none';
  if (!state.inTransaction) {
    if (isRead && consistency !== 'strong') return 'held_when_fresh';
    return saysReplica && mayBeAsked(statement) ? 'held' : 'refuse';
  }
  // Both end the transaction that is open; a read-only one leaves nothing behind.
  if (effect === 'chain' || effect === 'begin_read_only') return 'held';
  if (effect === 'begin') return state.hasState ? 'refuse' : 'leave';
  if (isRead && consistency !== 'strong') return 'held';
  // The server reports it itself, and does nothing.
  if (onReplica === 'refused' || (saysReplica && mayBeAsked(statement))) return 'held';
  return state.isUntouched && !state.hasState ? 'begin_on_primary' : 'refuse';
}

/** Why it runs nowhere, and what to do. */
export function unplaceable(
  { operation, consistency }: Job,
  { inTransaction }: Held,
  service: string,
  replica: string,
): FairleadError {
  const { onReplica, reason } = operation.statement;
  const held = inTransaction ? 'a read-only transaction' : 'state';
  const why = onReplica === 'yes' && consistency === 'strong' ? `consistency 'strong' was asked for` : reason;
  const message =
    `This statement belongs on the primary (${why}), and its session holds ${held} on replica '${replica}' of service ` +
    `'${service}'. Nothing was sent. ` +
    (inTransaction
      ? `End the transaction first, or begin it with route: 'primary'.`
      : `Use another connection, or reset() this one.`);
  return new FairleadError('FAIRLEAD_UNROUTABLE', message, { service, endpoint: replica });
}
