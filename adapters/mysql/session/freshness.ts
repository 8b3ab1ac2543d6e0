import type { CallerContext } from '../../../src/adapter.js';
import { type Endpoint, Outcome } from '../../../src/index.js';
import type { Checkout, Taker } from '../cluster/checkout.js';
import type { Cluster } from '../cluster/cluster.js';
import { GtidToken } from '../cluster/gtid.js';
import type { Probe } from '../cluster/probe.js';
import { meaningOf } from '../common/errors.js';
import type { Consistency } from '../common/options.js';
import { askRow } from '../driver/ask-row.js';
import type { SessionMark } from './session-token.js';
import type { ConsistencySession } from './write-history.js';

interface Reached {
  readonly token: string;
  /** The server that its endpoint led to then. */
  readonly by: string | undefined;
}

/**
 * Finds a server for a read that has everything its session wrote: a replica whose last probe shows
 * that it has; else one that gets there within `waitMs`; else the primary.
 */
export class Freshness {
  readonly #cluster: Cluster;
  readonly #waitMs: number;
  /** Tokens that servers were seen to have reached since their last probe. */
  readonly #reached = new WeakMap<Endpoint, Reached>();

  constructor(cluster: Cluster, waitMs: number) {
    this.#cluster = cluster;
    this.#waitMs = waitMs;
  }

  /** Whether a read of the session may run on this server, as far as is known without asking. */
  isFresh(endpoint: Endpoint, session: ConsistencySession, consistency: Consistency): boolean {
    if (consistency === 'eventual') return true;
    this.settle(session);
    if (session.replica !== undefined && session.replica !== endpoint) return false;
    return !this.#owes(session) || this.#knows(session, endpoint);
  }

  #knows(session: ConsistencySession, endpoint: Endpoint): boolean {
    return session.untoldWriteAtMs === Number.NEGATIVE_INFINITY && this.#has(endpoint, session);
  }

  checkoutFresh(session: ConsistencySession, consistency: Consistency, tried: readonly Endpoint[], taker: Taker): void {
    const cluster = this.#cluster;
    if (consistency !== 'eventual') this.settle(session);
    if (consistency === 'eventual' || (!this.#owes(session) && session.replica === undefined)) {
      cluster.checkout('replica', tried, taker);
      return;
    }
    if (session.untoldWriteAtMs !== Number.NEGATIVE_INFINITY) {
      // A look shows where the primary is by now: then others may serve the reads that follow.
      cluster.lookSoon();
      cluster.checkout('primary', tried, taker);
      return;
    }
    cluster.checkout('replica', this.#avoid(session, tried), {
      caller: taker.caller,
      took: (error, checkout) => {
        if (checkout === undefined) taker.took(error);
        else this.#ensure(checkout, session, tried, taker);
      },
    });
  }

  /**
   * Whether the server of a connection that is held gets there within `waitMs`. The connection
   * stays with its holder.
   */
  waitFor(
    checkout: Checkout,
    session: ConsistencySession,
    consistency: Consistency,
    caller: CallerContext,
    done: (isFresh: boolean) => void,
  ): void {
    const { replication } = this.#cluster;
    const { lagMs, probe } = replication.stateOf(checkout.endpoint);
    if (this.isFresh(checkout.endpoint, session, consistency)) done(true);
    else if (session.untoldWriteAtMs !== Number.NEGATIVE_INFINITY || lagMs > this.#waitMs) done(false);
    else
      this.#waitOn(checkout, caller, probe?.flavor ?? 'mysql', session.token.toString(), (error, reached) =>
        done(!error && reached),
      );
  }

  /**
   * A session of its own read on this server. On a replica it stays; what it saw on the primary,
   * every replica it reads later must have too.
   */
  hasRead(session: ConsistencySession, endpoint: Endpoint): void {
    const nowMs = this.#cluster.clock.now();
    const { role, probe } = this.#cluster.replication.stateOf(endpoint);
    if (role === 'replica') {
      session.replica = endpoint;
      session.replicaBy = probe?.identity || undefined;
      session.readAtMs = nowMs;
    } else {
      session.replica = undefined;
      session.untoldWriteAtMs = nowMs;
    }
  }

  /** The session as another process may go on with it. */
  export(session: ConsistencySession): SessionMark {
    this.settle(session);
    const positions = session.token.toString();
    if (session.untoldWriteAtMs !== Number.NEGATIVE_INFINITY) return { positions, pending: 'primary' };
    const { replica } = session;
    return { positions, pending: replica === undefined ? 'nothing' : { replica: replica.spec.id } };
  }

  /** Goes on with what another process did, as if all of it had been done now. */
  import(session: ConsistencySession, { positions, pending }: SessionMark): void {
    const { service, clock } = this.#cluster;
    session.token.add(positions);
    if (pending === 'nothing') return;
    const id = pending === 'primary' ? undefined : pending.replica;
    const replica = id === undefined ? undefined : service.endpoints.find(({ spec }) => spec.id === id);
    session.replica = replica;
    // Where it was read the name may have led elsewhere: nothing is compared.
    session.replicaBy = undefined;
    if (replica === undefined) session.untoldWriteAtMs = clock.now();
    else session.readAtMs = clock.now();
  }

  /**
   * A look at a server that began after the session was there shows a position that covers all that
   * it did there: from then on the session is served by whoever has that position.
   */
  settle(session: ConsistencySession): void {
    const { primary, replicas, replication } = this.#cluster;
    const { replica } = session;
    if (replica !== undefined) {
      const { probe } = replication.stateOf(replica);
      const isAnother = session.replicaBy !== undefined && isOther(probe, session.replicaBy);
      if (!isAnother && isAfter(probe, session.readAtMs)) {
        const known = primary === undefined ? undefined : replication.stateOf(primary).probe?.position;
        session.token.add(probe.position.newestKnownTo(known));
        session.toldWriteAtMs = Math.max(session.toldWriteAtMs, probe.atMs);
        session.replica = undefined;
      } else if (isAnother || !replicas.includes(replica)) {
        // It serves nothing any more, or its name leads to another server. What was read there the
        // primary has as well.
        session.untoldWriteAtMs = Math.max(session.untoldWriteAtMs, session.readAtMs);
        session.replica = undefined;
      }
    }
    if (session.untoldWriteAtMs === Number.NEGATIVE_INFINITY) return;
    const probe = primary === undefined ? undefined : replication.stateOf(primary).probe;
    if (!isAfter(probe, session.untoldWriteAtMs)) return;
    session.token.add(probe.position.newest);
    session.untoldWriteAtMs = Number.NEGATIVE_INFINITY;
  }

  /**
   * Which replicas not to choose: for a session with its own replica all others, since none is
   * known to have what was read there; else those that are behind, unless all are.
   */
  #avoid(session: ConsistencySession, tried: readonly Endpoint[]): readonly Endpoint[] {
    const { replicas } = this.#cluster;
    if (session.replica !== undefined) return [...tried, ...replicas.filter((each) => each !== session.replica)];
    const behind = replicas.filter((endpoint) => !this.#has(endpoint, session));
    return behind.length > 0 && behind.length < replicas.length ? [...tried, ...behind] : tried;
  }

  /** Whether the session did anything that replicas may not have. */
  #owes(session: ConsistencySession): boolean {
    return session.untoldWriteAtMs !== Number.NEGATIVE_INFINITY || !session.token.empty;
  }

  #has(endpoint: Endpoint, session: ConsistencySession): boolean {
    const { probe } = this.#cluster.replication.stateOf(endpoint);
    if (probe !== undefined && session.token.coveredBy(probe.position)) return true;
    const reached = this.#reached.get(endpoint);
    return reached !== undefined && reached.by === probe?.identity && reached.token === session.token.toString();
  }

  #ensure(checkout: Checkout, session: ConsistencySession, tried: readonly Endpoint[], taker: Taker): void {
    const { role, probe } = this.#cluster.replication.stateOf(checkout.endpoint);
    if (role === 'primary' || this.#has(checkout.endpoint, session)) {
      taker.took(null, checkout);
      return;
    }
    const { lagMs } = this.#cluster.replication.stateOf(checkout.endpoint);
    if (lagMs > this.#waitMs) {
      // It will not get there in time.
      this.#cluster.release(checkout, Outcome.Cancelled);
      this.#checkoutPrimary(session, tried, taker);
      return;
    }
    const token = session.token.toString();
    this.#waitOn(checkout, taker.caller, probe?.flavor ?? 'mysql', token, (error, reached) => {
      if (reached) {
        taker.took(null, checkout);
        return;
      }
      this.#cluster.release(checkout, error ? meaningOf(error).outcome : Outcome.Success);
      this.#checkoutPrimary(session, tried, taker);
    });
  }

  #checkoutPrimary(session: ConsistencySession, tried: readonly Endpoint[], taker: Taker): void {
    this.#forgetLostWrites(session);
    this.#cluster.checkout('primary', tried, taker);
  }

  /**
   * What a failover lost, no server will ever have: a token that asks for it would keep its session
   * on the primary for good. The primary has what there is, once it was asked after the write.
   */
  #forgetLostWrites(session: ConsistencySession): void {
    const { primary, replication } = this.#cluster;
    const probe = primary === undefined ? undefined : replication.stateOf(primary).probe;
    if (probe === undefined || probe.positionText === '' || probe.atMs <= session.toldWriteAtMs) return;
    if (session.token.coveredBy(probe.position)) return;
    session.token = new GtidToken();
    session.token.add(probe.position.newest);
  }

  /** Lets the server itself wait until it has the position. */
  #waitOn(
    { endpoint, physical }: Checkout,
    caller: CallerContext,
    flavor: 'mysql' | 'mariadb',
    token: string,
    done: (error: unknown, reached: boolean) => void,
  ): void {
    const sql = WAITS[flavor];
    const by = this.#cluster.replication.stateOf(endpoint).probe?.identity;
    const timeout = this.#waitMs + ANSWER_GRACE_MS;
    const values = [token, this.#waitMs / 1000];
    // Whoever waits here, and not whom the last statement of this connection was for.
    physical.inbound.caller = caller;
    askRow(physical.connection, { sql, values, timeout }, (error, row) => {
      physical.inbound.caller = undefined;
      if (error && !meaningOf(error).connectionUsable) physical.usable = false;
      const reached = !error && Number(Object.values(row)[0]) === 0;
      if (reached) this.#reached.set(endpoint, { token, by });
      done(error, reached);
    });
  }
}

/**
 * Whether a look began later than that, and found a position: without GTIDs nothing ever shows that
 * one server has what another one had, and reads stay where they are.
 */
function isAfter(probe: Probe | undefined, atMs: number): probe is Probe {
  return probe !== undefined && probe.positionText !== '' && probe.atMs > atMs;
}

function isOther(probe: Probe | undefined, identity: string): boolean {
  return probe !== undefined && probe.identity !== '' && probe.identity !== identity;
}

/**
 * Both give 0 when the position was reached; on timeout MySQL gives 1, MariaDB -1. Without a name
 * of its own the column's is the text with its values, and mysql2 would compile a reader of rows
 * for each, and keep 15,000 of them.
 */
const WAITS = {
  mysql: 'SELECT WAIT_FOR_EXECUTED_GTID_SET(?, ?) AS waited',
  mariadb: 'SELECT MASTER_GTID_WAIT(?, ?) AS waited',
} as const;

/** A server that does not even answer that it has waited in vain is hung: its connection is cut. */
const ANSWER_GRACE_MS = 1_000;
