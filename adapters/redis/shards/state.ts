/**
 * `connecting`: commands wait for it, for a moment. `up`. `down`: commands fail at once, or go as
 * `onFailure` says. `demoted`: as down, but it answers: its server has become a replica, and takes
 * no writes until it is promoted again. `quarantined`: it answers, and is used only once nothing in
 * it can be stale.
 */
export type ShardState = 'connecting' | 'up' | 'down' | 'demoted' | 'quarantined';

/** Nothing is sent to it, and others may stand in for it. */
export const isOut = (state: ShardState): boolean => state === 'down' || state === 'demoted';
