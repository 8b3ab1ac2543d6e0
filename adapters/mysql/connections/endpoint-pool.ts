import { type Clock, FairleadError, Outcome, type Random, type Timer } from '../../../src/index.js';
import { meaningOf } from '../common/errors.js';
import { type DriverConnection, hideSecrets } from '../driver/driver.js';
import { startsWithAutocommit } from './baseline.js';
import { ConnectPause } from './connect-pause.js';
import { MadeConnections } from './made-connections.js';
import { type Opened, type OpeningHost, openPrepared } from './open-prepared.js';
import { cutConnection, failConnection, isOpen, isReusable, type Physical } from './physical.js';
import { type Waiter, WaitingCallers } from './waiting-callers.js';

export interface EndpointPoolOptions {
  /** Connections to this endpoint at most. */
  readonly connectionLimit: number;
  /** Idle connections kept at most. */
  readonly maxIdle: number;
  /** An idle connection is closed after this long; milliseconds. */
  readonly idleTimeoutMs: number;
  /** A connection is not used again after this long, less up to a tenth at random; milliseconds. */
  readonly maxLifetimeMs: number;
  /** Connections that may be opened at once: a burst must not become as many handshakes. */
  readonly maxConnecting: number;
  /** Callers that may wait; 0 is unlimited, as in mysql2. */
  readonly queueLimit: number;
  /** False: refuse instead of waiting, as in mysql2. */
  readonly waitForConnections: boolean;
}

/** What the pool reports. */
export interface EndpointPoolHost extends OpeningHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly endpointId: string;
  readonly service: string;
  /** The options of a new connection: host, port, credentials as of now. */
  connectOptions(): Promise<Record<string, unknown>> | Record<string, unknown>;
  opened(connection: DriverConnection): void;
  enqueued(): void;
}

/** Whoever waits for a connection, once. */
export interface ConnectionWaiter extends Waiter {
  /** How long it waits in all; milliseconds, for the error. */
  readonly timeoutMs: number;
  /** A connection is there, or there will be none. */
  connected(error: unknown, physical: Physical | undefined): void;
}

type PhysicalCallback = (error: unknown, physical?: Physical) => void;

/**
 * The connections to one server. Beyond mysql2's pool: waiting has a bound, handshakes in the
 * making are few, connections have a lifetime, and closing lets those in use finish.
 */
export class EndpointPool {
  readonly #options: EndpointPoolOptions;
  readonly #host: EndpointPoolHost;
  /** The most recently used last: it is taken first, so that the others grow old and go. */
  readonly #idle: Physical[] = [];
  readonly #made: MadeConnections;
  /** Not logged in, or not prepared yet. */
  readonly #opening = new Set<DriverConnection>();
  readonly #waiters: WaitingCallers<ConnectionWaiter>;
  #connecting = 0;
  #sweep: Timer | undefined;
  readonly #pause: ConnectPause;
  #resume: Timer | undefined;
  #closed = false;
  #drained: (() => void) | undefined;

  constructor(options: EndpointPoolOptions, host: EndpointPoolHost) {
    this.#options = options;
    this.#host = host;
    this.#made = new MadeConnections(host.clock);
    this.#waiters = new WaitingCallers(host.clock, (waiter) => this.#expire(waiter));
    this.#pause = new ConnectPause(host.clock, host.random);
  }

  get stats(): { readonly idle: number; readonly busy: number; readonly connecting: number; readonly waiting: number } {
    return {
      idle: this.#idle.length,
      busy: this.#made.busy,
      connecting: this.#connecting,
      waiting: this.#waiters.length,
    };
  }

  /**
   * Tells `waiter` of a connection, or at its deadline at the latest of an error; once, at once
   * where there is an idle one.
   */
  checkout(waiter: ConnectionWaiter): void {
    if (this.#closed) {
      waiter.connected(this.#closedError(), undefined);
      return;
    }
    const idle = this.takeIdle();
    if (idle !== undefined) {
      waiter.connected(null, idle);
      return;
    }
    if (this.#pause.remainingMs > 0 && this.#made.busy === 0) {
      waiter.connected(this.#pause.error, undefined);
      return;
    }
    const full = this.#size >= this.#options.connectionLimit;
    if (full && !this.#options.waitForConnections) {
      waiter.connected(this.#noConnection('No connections available.'), undefined);
      return;
    }
    const { queueLimit } = this.#options;
    // Callers whose connections are being opened are not a queue, as in mysql2.
    if (full && queueLimit > 0 && this.#waiters.length - this.#connecting >= queueLimit) {
      waiter.connected(this.#noConnection('Queue limit reached.'), undefined);
      return;
    }
    if (full) this.#host.enqueued();
    this.#waiters.push(waiter);
    this.#connectForWaiters();
  }

  /** An idle connection, if there is one. */
  takeIdle(): Physical | undefined {
    for (let physical = this.#idle.pop(); physical !== undefined; physical = this.#idle.pop()) {
      if (isReusable(physical)) {
        this.#made.use(physical);
        return physical;
      }
      this.#discard(physical);
    }
    return undefined;
  }

  /** The connection with this thread id, if it is in use. Costs O(connections). */
  findInUse(threadId: number): Physical | undefined {
    return this.#made.inUse.find(({ connection }) => connection.threadId === threadId);
  }

  /** Gives a connection back. One that is not `usable`, too old, or one too many is closed. */
  release(physical: Physical): void {
    if (!physical.inUse) return;
    if (this.#closed || !isReusable(physical)) {
      this.#made.free(physical);
      this.#discard(physical);
    } else {
      const waiter = this.#waiters.shift();
      if (waiter !== undefined) {
        waiter.connected(null, physical);
        return;
      }
      this.#made.free(physical);
      physical.idleSinceMs = this.#host.clock.now();
      this.#idle.push(physical);
      while (this.#idle.length > this.#options.maxIdle) this.#discard(this.#idle.shift()!);
      this.#armSweep();
    }
    this.#connectForWaiters();
    this.#checkDrained();
  }

  /**
   * Makes connections until `count` are there, and resolves when they are; rejects when one cannot
   * be made.
   */
  async warm(count: number): Promise<void> {
    const missing = Math.min(count, this.#options.connectionLimit) - this.#size;
    const checkouts = Array.from({ length: Math.max(0, missing) }, () => {
      return new Promise<Physical>((resolve, reject) => {
        this.#connect((error, physical) => (physical === undefined ? reject(error) : resolve(physical)));
      });
    });
    const results = await Promise.allSettled(checkouts);
    for (const result of results) if (result.status === 'fulfilled') this.release(result.value);
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  /** Refuses new callers, closes what is idle, and resolves when those in use have come back. */
  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#sweep?.cancel();
      this.#resume?.cancel();
      for (const waiter of this.#waiters.take()) waiter.connected(this.#closedError(), undefined);
      for (const physical of this.#idle.splice(0)) this.#discard(physical);
    }
    return new Promise((resolve) => {
      const before = this.#drained;
      this.#drained = () => {
        before?.();
        resolve();
      };
      this.#checkDrained();
    });
  }

  /**
   * The server does not answer any more: ends every connection, so that what waits on one fails now
   * instead of hanging. New ones may be made.
   */
  cut(): void {
    for (const physical of this.#idle.splice(0)) this.#discardDead(physical);
    // Their holders see the error and release them.
    for (const physical of this.#made.inUse) this.#discardDead(physical);
    // No timeout of the driver's covers what is run on a new connection: it would hold its place
    // for ever.
    for (const connection of this.#opening) failConnection(connection);
  }

  /** None of the connections there are serves another session: what is idle is closed. */
  retire(): void {
    for (const physical of this.#idle.splice(0)) this.#discard(physical);
    for (const physical of this.#made.inUse) physical.retired = true;
  }

  /** Cuts what did not come back, and counts on it no more. */
  abandon(): void {
    this.cut();
    this.#made.abandon();
    this.#checkDrained();
  }

  #discardDead(physical: Physical): void {
    physical.usable = false;
    if (!physical.inUse) this.#made.forget(physical);
    failConnection(physical.connection);
  }

  get #size(): number {
    return this.#idle.length + this.#made.busy + this.#connecting;
  }

  get #where(): { service: string; endpoint: string } {
    return { service: this.#host.service, endpoint: this.#host.endpointId };
  }

  #closedError(): FairleadError {
    return new FairleadError('FAIRLEAD_CLOSED', 'Pool is closed.', this.#where);
  }

  #noConnection(message: string): FairleadError {
    return new FairleadError('FAIRLEAD_NO_CONNECTION', message, this.#where);
  }

  #expire(waiter: ConnectionWaiter): void {
    const { busy, connecting } = this.stats;
    const message =
      `No connection to '${this.#host.endpointId}' within acquireTimeoutMs ${waiter.timeoutMs}: ` +
      `${busy} in use, ${connecting} in the making, limit ${this.#options.connectionLimit}.`;
    waiter.connected(this.#noConnection(message), undefined);
  }

  /** Opens as many connections as callers wait, within both limits. */
  #connectForWaiters(): void {
    const { connectionLimit, maxConnecting } = this.#options;
    if (this.#pause.remainingMs > 0) {
      this.#resumeLater();
      return;
    }
    while (
      !this.#closed &&
      this.#connecting < Math.min(maxConnecting, this.#waiters.length) &&
      this.#size < connectionLimit
    ) {
      this.#connect(this.#connected);
    }
  }

  /** Made once: who asks for a connection that is not idle makes no closure. */
  readonly #connected = (error: unknown, physical?: Physical): void => {
    if (physical === undefined) {
      this.#connectFailed(error);
      return;
    }
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.release(physical);
    else waiter.connected(null, physical);
  };

  /** The server is known to be well: no more rest between attempts. */
  resume(): void {
    this.#pause.end();
    this.#connectForWaiters();
  }

  /**
   * A server full of connections, some of them the pool's, will have room when one of those comes
   * back: its callers wait.
   */
  #connectFailed(error: unknown): void {
    this.#pause.failed(error);
    const full = meaningOf(error, true).outcome === Outcome.Overloaded && this.#made.busy > 0;
    if (full && this.#options.waitForConnections) this.#resumeLater();
    else if (this.#connecting === 0) for (const waiter of this.#waiters.take()) waiter.connected(error, undefined);
    else this.#waiters.shift()?.connected(error, undefined);
  }

  #resumeLater(): void {
    if (this.#resume !== undefined || this.#closed) return;
    this.#resume = this.#host.clock.after(this.#pause.remainingMs, () => {
      this.#resume = undefined;
      this.#connectForWaiters();
    });
  }

  #connect(callback: PhysicalCallback): void {
    this.#connecting++;
    const finish = (error: unknown, opened?: Opened): void => {
      this.#connecting--;
      if (opened === undefined || this.#closed) {
        if (opened !== undefined) this.#end(opened.connection);
        callback(opened === undefined ? error : this.#closedError());
        this.#checkDrained();
        return;
      }
      this.#pause.end();
      callback(null, this.#adopt(opened));
      this.#connectForWaiters();
    };
    Promise.resolve()
      .then(() => this.#host.connectOptions())
      .then((options) => openPrepared(this.#host, options, this.#opening, finish))
      .catch((error: unknown) => finish(error));
  }

  #adopt({ connection, inbound, prepared }: Opened): Physical {
    const physical: Physical = {
      connection,
      inbound,
      autocommits: prepared === undefined || startsWithAutocommit(prepared.session),
      prepared,
      idleSinceMs: 0,
      inUse: false,
      usable: true,
      retired: false,
    };
    hideSecrets(connection);
    inbound.begin();
    inbound.attribute(connection);
    const lost = (): void => {
      physical.usable = false;
      const at = this.#idle.indexOf(physical);
      if (at !== -1) this.#idle.splice(at, 1);
      if (!physical.inUse) this.#made.forget(physical);
      this.#checkDrained();
    };
    connection.on('error', lost);
    connection.once('end', lost);
    // Connections of one start must not all end in the same moment.
    this.#made.add(physical, this.#options.maxLifetimeMs * (1 - LIFETIME_JITTER * this.#host.random.float()));
    this.#made.use(physical);
    this.#host.opened(connection);
    return physical;
  }

  #discard(physical: Physical): void {
    const { connection } = physical;
    this.#made.forget(physical);
    if (physical.usable && isOpen(connection)) this.#end(connection);
    else {
      connection.on('error', () => {});
      cutConnection(connection);
    }
    physical.usable = false;
  }

  /** Says goodbye where the server listens; a connection that does not answer is cut. */
  #end(connection: DriverConnection): void {
    connection.on('error', () => {});
    const cut = this.#host.clock.after(GOODBYE_MS, () => cutConnection(connection));
    connection.end(() => cut.cancel());
  }

  #armSweep(): void {
    if (this.#sweep !== undefined || this.#closed || this.#idle.length === 0) return;
    const { clock } = this.#host;
    const dueMs = this.#idle[0]!.idleSinceMs + this.#options.idleTimeoutMs - clock.now();
    this.#sweep = clock.after(Math.max(dueMs, 1), () => {
      this.#sweep = undefined;
      const nowMs = clock.now();
      while (this.#idle.length > 0 && nowMs - this.#idle[0]!.idleSinceMs >= this.#options.idleTimeoutMs) {
        this.#discard(this.#idle.shift()!);
      }
      this.#armSweep();
    });
  }

  #checkDrained(): void {
    if (!this.#closed || this.#made.busy > 0 || this.#connecting > 0) return;
    this.#drained?.();
    this.#drained = undefined;
  }
}

/**
 * A tenth of the lifetime spreads a thousand connections of a ten-minute lifetime over a minute.
 */
const LIFETIME_JITTER = 0.1;

/** COM_QUIT needs no answer; a second is for the socket to take it. */
const GOODBYE_MS = 1_000;
