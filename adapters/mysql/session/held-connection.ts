import { runUntraced } from '../../../src/adapter.js';
import { Outcome } from '../../../src/index.js';
import type { Checkout } from '../cluster/checkout.js';
import type { Cluster } from '../cluster/cluster.js';
import { isReusable } from '../connections/physical.js';
import type { Freshness } from './freshness.js';
import type { Job } from './job.js';
import { NOTHING_HELD, SessionState } from './session-state.js';

export interface HeldContext {
  readonly cluster: Cluster;
  readonly freshness: Freshness;
  /** mysql2's resetOnRelease: clean even what holds no state. */
  readonly resetOnRelease: boolean;
  /**
   * An answer to what the session itself asks (a clean-up, a ping) that takes longer is lost, and
   * its connection too; milliseconds.
   */
  readonly cleanWithinMs: number;
  /**
   * Whether a session that got an insert id stays on the primary, where LAST_INSERT_ID() returns
   * it.
   */
  readonly keepsInsertId: boolean;
  /**
   * A connection whose session was changed comes back: make it as new, or report that it is not.
   */
  clean(checkout: Checkout, done: (usable: boolean, isClean: boolean) => void): void;
  /** A connection was taken, or is about to be released. */
  acquired?(checkout: Checkout): void;
  released?(checkout: Checkout): void;
}

/** The connection of a session, while it has one, and what the session holds on it. */
export class HeldConnection {
  checkout: Checkout | undefined;
  /** It is to a replica. */
  isOnReplica = false;
  /** A statement of the session ran on it: what asks about that one must not run elsewhere. */
  hasRun = false;
  /** A connection with a LAST_INSERT_ID() is gone: the next one would answer 0. */
  forgotInsertId = false;
  readonly #context: HeldContext;
  /** Most sessions read, and hold nothing. */
  #state: SessionState | undefined;

  constructor(context: HeldContext) {
    this.#context = context;
  }

  /** What the session holds. */
  get state(): Readonly<SessionState> {
    return this.#state ?? NOTHING_HELD;
  }

  /** As `state`, for what changes it. */
  get changing(): SessionState {
    this.#state ??= new SessionState(this.#context.keepsInsertId);
    return this.#state;
  }

  take(checkout: Checkout): void {
    this.checkout = checkout;
    this.hasRun = false;
    this.isOnReplica = !this.#context.cluster.isPrimary(checkout.endpoint);
    this.#context.acquired?.(checkout);
  }

  /** Whether the statement must or may run on it. */
  mayServe({ route, session, consistency, operation }: Job): boolean {
    const { checkout, state } = this;
    if (checkout === undefined) return false;
    const { cluster, freshness } = this.#context;
    const { endpoint, physical } = checkout;
    // What asks for what the last statement left stays as well.
    if (state.mustStay || (route === 'same' && operation.statement.onReplica === 'never')) return true;
    if (typeof route === 'object') return endpoint.spec.id === route.endpoint;
    if (cluster.isPrimary(endpoint)) return route !== 'replica' || state.hasInsertId;
    if (route === 'primary' || state.hasInsertId || !physical.usable) return false;
    if (consistency === 'strong' || !physical.autocommits) return false;
    // Reads of one session stay on one replica, or the next could see less than the one before.
    if (route === 'replica' && consistency === 'eventual') return false;
    return freshness.isFresh(endpoint, session, consistency);
  }

  /** Gives it back as it is: one without state, or one that is not usable. */
  drop(outcome: Outcome): void {
    this.forgotInsertId ||= this.state.hasInsertId;
    const checkout = this.#letGo();
    if (checkout !== undefined) this.#context.cluster.release(checkout, outcome);
  }

  /** Gives it back as if it were new. */
  giveBack(): void {
    const { cluster, resetOnRelease } = this.#context;
    const { mustStay, hasState } = this.state;
    const checkout = this.#letGo();
    if (checkout === undefined) return;
    const isAsNew = !(mustStay || resetOnRelease);
    if (isAsNew || !isReusable(checkout.physical)) cluster.release(checkout, Outcome.Success);
    else this.#cleanUp(checkout, hasState);
  }

  #cleanUp(checkout: Checkout, hasState: boolean): void {
    const { cluster, clean, resetOnRelease, cleanWithinMs } = this.#context;
    const { physical } = checkout;
    const finish = (usable: boolean): void => {
      if (!usable) physical.usable = false;
      cluster.release(checkout, Outcome.Success);
    };
    // Without autocommit each session leaves a transaction, and most leave nothing else.
    if (hasState || resetOnRelease || physical.autocommits) clean(checkout, finish);
    else {
      const rollback = { sql: ROLLBACK, timeout: cleanWithinMs };
      runUntraced(() => physical.connection.query(rollback, [], (error) => finish(!error)));
    }
  }

  /**
   * Nothing of the session is left, but whom it is logged in as. Calls back with whether that is
   * still true. Never calls back where the connection was let go in the meantime.
   */
  reset(done: (kept: boolean) => void): void {
    const { checkout } = this;
    this.forgotInsertId = false;
    if (checkout === undefined) {
      done(true);
      return;
    }
    const { physical } = checkout;
    this.#context.clean(checkout, (usable, isClean) => {
      if (!usable) physical.usable = false;
      if (this.checkout !== checkout) return;
      const { hasOtherUser } = this.state;
      this.#state = undefined;
      if (hasOtherUser) this.changing.hasState = this.changing.hasOtherUser = true;
      const keeps = hasOtherUser ? usable && isClean : isReusable(physical);
      if (!keeps) this.drop(Outcome.Cancelled);
      done(keeps || !hasOtherUser);
    });
  }

  #letGo(): Checkout | undefined {
    const { checkout } = this;
    if (checkout === undefined) return undefined;
    this.checkout = undefined;
    this.isOnReplica = false;
    this.#state = undefined;
    this.#context.released?.(checkout);
    return checkout;
  }
}

/** Whatever `completion_type` is. */
const ROLLBACK = 'ROLLBACK AND NO CHAIN NO RELEASE';
