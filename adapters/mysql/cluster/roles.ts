import type { Endpoint, FairleadError } from '../../../src/index.js';
import { twoPrimaries } from './refusals.js';
import { isTaggedPrimary, Replication, type TwoPrimaries } from './replication.js';

export interface RolesContext {
  readonly service: { readonly name: string };
  readonly maxLagMs: number;
  readonly onTwoPrimaries: TwoPrimaries;
  /** Whether the first connections to it are made. */
  isWarm(endpoint: Endpoint): boolean;
}

/**
 * Which servers are written to and which are read from: by what replication shows, and what the
 * options say.
 */
export class Roles {
  readonly replication: Replication;
  readonly #context: RolesContext;

  constructor(context: RolesContext) {
    this.#context = context;
    this.replication = new Replication(context.onTwoPrimaries);
  }

  /** Why it is not written to, for people; undefined where it is. */
  whyNotWritten(endpoint: Endpoint): string | undefined {
    const { writable } = this.replication;
    if (!writable.includes(endpoint)) {
      const { role } = this.replication.stateOf(endpoint);
      if (role === 'unknown') return 'its role is not known';
      return role === 'replica' ? 'it is read-only' : 'it does not answer, and another server accepts writes';
    }
    if (!this.#context.isWarm(endpoint)) return 'its first connections are not made yet';
    if (writable.length === 1) return undefined;
    const { onTwoPrimaries } = this.#context;
    if (onTwoPrimaries === 'refuse') return 'another server accepts writes as well';
    if (onTwoPrimaries === 'any') {
      return this.replication.leaders.includes(endpoint) ? undefined : 'another one of several is written to';
    }
    const tagged = writable.filter(isTaggedPrimary);
    if (tagged.length === 1 && tagged[0] === endpoint) return undefined;
    return tagged.length === 1 ? 'another one is tagged primary' : `${tagged.length} of several are tagged primary`;
  }

  /** Why no read that may choose goes there, for people; undefined where it may. */
  whyNotRead(endpoint: Endpoint): string | undefined {
    const { role, lagMs } = this.replication.stateOf(endpoint);
    if (role === 'unknown') return 'its role is not known';
    if (role === 'primary') return 'it is the primary: reads go there where no replica can serve them';
    if (!this.#context.isWarm(endpoint)) return 'its first connections are not made yet';
    if (lagMs === Number.POSITIVE_INFINITY) return 'it was not seen yet to have what the primary has';
    // NaN, no primary: old data beats none while there is nothing to be behind of.
    if (lagMs > this.#context.maxLagMs) return `it is behind by ${Math.round(lagMs)} ms, more than maxLagMs`;
    return undefined;
  }

  /**
   * Why nothing is written anywhere: several servers accept writes, and nothing shows which one is
   * right.
   */
  tooManyPrimaries(): FairleadError | undefined {
    const { writable, unconfirmed } = this.replication;
    if (writable.length < 2 || unconfirmed.length > 0) return undefined;
    return twoPrimaries(this.#context.service, writable);
  }
}
