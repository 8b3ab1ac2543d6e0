import { type Endpoint, Outcome, type Service } from '../../../src/index.js';
import { closedUnanswered, connectionLost, shardUnavailable } from '../common/errors.js';
import type { CommandCounter } from '../driver/command-times.js';
import {
  type Command,
  type ConnectionErrors,
  connectTo,
  endConnection,
  ownCommand,
  type Redis,
  type RedisOptions,
  refuse,
  refuseAll,
  waitingOn,
} from '../driver/driver.js';
import { farewell } from '../driver/farewell.js';
import { copyOptions } from '../driver/secrets.js';
import { BlockingPool } from './blocking-pool.js';
import { type CommandCalls, commandCalls } from './command-calls.js';
import { DownListeners } from './down-listeners.js';
import { ListedServer } from './listed-server.js';
import { MissingData } from './missing-data.js';
import { Prober } from './prober.js';
import { refusalOf } from './refusal.js';
import { Replicas } from './replicas.js';
import { PrimaryRole } from './role.js';
import { ShardCounts } from './shard-counts.js';
import type { HostOf, WatchOf } from './shard-host.js';
import { isOut, type ShardState } from './state.js';
import type { TargetOf } from './target.js';

export type ShardHost = HostOf<Shard>;
export type ShardWatch = WatchOf<Shard>;

export interface Target extends TargetOf<Shard> {}

/**
 * One server that owns part of the keys: its connection, and whether it can be used.
 *
 * It is looked at, by ROLE or else PING, every `probeIntervalMs` on the connection that the
 * commands use, and asked in every second look while all is well. A server that answers nothing for
 * `downAfterMs` is down until it answers again; the connection is kept, so that what it still has
 * to execute comes before whatever is sent later. One whose connection breaks and cannot be made
 * again is down at once.
 */
export class Shard implements Target {
  readonly name: string;
  /** Of its own among all shards that this client has seen: part of the cursor of SCAN. */
  readonly ordinal: number;
  readonly #listed: ListedServer;
  /** `host:port` of the connection. */
  readonly address: string;
  readonly connection: Redis;
  readonly blocking: BlockingPool;
  state: ShardState = 'connecting';
  begun = false;
  readonly shard: Shard = this;
  readonly counts: ShardCounts = new ShardCounts();
  /** Its server is a replica itself: discovery knows no primary. */
  readonly readOnly: boolean;
  readonly #host: ShardHost;
  readonly #calls: CommandCalls;
  readonly #replicas = new Replicas<Shard>();
  #inTransaction = false;
  #unhealthy = false;
  /** Undefined for a replica by discovery, which decides when it is a primary. */
  readonly #role: PrimaryRole | undefined;
  readonly #data: MissingData;
  readonly #downListeners = new DownListeners();
  #asked = 0;
  readonly #prober: Prober;
  #cause: Error | undefined;
  #closed = false;
  /** Closed by discovery, not by the caller. */
  #retired = false;

  constructor(host: ShardHost, name: string, ordinal: number, endpoint: Endpoint) {
    this.name = name;
    this.ordinal = ordinal;
    this.#listed = new ListedServer(endpoint);
    this.address = this.#listed.address;
    this.#host = host;
    this.#calls = commandCalls(this);
    this.readOnly = this.#listed.readOnly;
    this.#data = new MissingData(host.own.reservedPrefix);
    this.connection = this.#connect({ retryStrategy: (times) => host.retries.delayMs(this, times) }, this.#calls);
    const demoted = (cause: Error): void => this.#refused('demoted', cause);
    this.#role = this.readOnly ? undefined : new PrimaryRole({ connection: this.connection, demoted });
    this.connection.on('ready', () => this.#ready());
    this.connection.on('close', () => this.#lost());
    this.connection.on('error', (error: Error) => this.#failed(error));
    const { maxBlockingConnections } = host.own;
    this.blocking = new BlockingPool(this, maxBlockingConnections, host.driver.commandTimeout, host.clock);
    this.#prober = this.#createProber();
  }

  /** Connects, as a command that comes before does, and is looked at from now on. */
  begin(): void {
    if (this.begun || this.#closed) return;
    this.begun = true;
    this.#prober.begin();
    if (this.connection.status === 'wait') this.connection.connect().catch(() => {});
  }

  /** Another connection to this server, with the options as they are now; not yet connected. */
  connect(options?: RedisOptions): Redis {
    return this.#connect(options, undefined);
  }

  #connect(options: RedisOptions | undefined, counter: CommandCounter | undefined): Redis {
    const { service, clock, driver, keepsUnsent } = this.#host;
    const errors: ConnectionErrors = {
      unsent: (cause) => this.unsent(cause),
      lost: (cause) => {
        const lost = this.#closed && !this.#retired ? closedUnanswered : connectionLost;
        return lost(service.name, this.name, cause);
      },
      answered: (error, command) => {
        if (!this.blocking.recalls(command)) this.counts.answered(command);
        this.#role?.refused(error);
        if (this.#data.refused(error)) this.#refused('down', error);
      },
      broke: this.counts.broke,
      late: this.counts.late,
    };
    return connectTo(
      { ...copyOptions(driver), ...options, ...this.#listed.target },
      { clock, errors, keepsUnsent, counter },
    );
  }

  /**
   * The error of a command that was not sent. Closed on purpose: the error of ioredis, which its
   * users look for.
   */
  unsent(cause: Error): Error {
    if (this.#closed) return cause;
    return shardUnavailable(this.#host.service.name, this.name, 'cannot be reached', this.#cause ?? cause);
  }

  get service(): Service {
    return this.#host.service;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get endpoint(): Endpoint {
    return this.#listed.endpoint;
  }

  /** Its share of the keys, which does not change with its health. */
  get weight(): number {
    return this.#listed.weight;
  }

  /** What discovery lists for it now: the same server. `heed()` acts upon it. */
  list(endpoint: Endpoint): void {
    this.#listed.endpoint = endpoint;
  }

  /**
   * Is down for as long as discovery lists it as unhealthy, whatever it answers here: all clients
   * are to agree. It keeps its keys, as it is not gone.
   */
  heed(): void {
    const { unhealthy } = this.#listed;
    if (unhealthy === this.#unhealthy) return;
    this.#unhealthy = unhealthy;
    if (!unhealthy) return;
    this.#cause = new Error('Discovery lists it as unhealthy.');
    this.#goOut('down');
  }

  /** True for an endpoint at the address that this shard is connected to. */
  serves(endpoint: Endpoint): boolean {
    return this.#listed.is(endpoint);
  }

  /** Those that may answer what only reads, while it is down. */
  get replicas(): readonly Shard[] {
    return this.#replicas.all;
  }

  /** These are its replicas from now on; those that are not any longer are closed. */
  follow(replicas: readonly Shard[]): void {
    this.#replicas.replace(replicas);
  }

  /**
   * A MULTI was sent alone: what is sent until its end becomes part of it, so nothing of our own
   * is.
   */
  beginTransaction(): void {
    this.#inTransaction = true;
  }

  endTransaction(): void {
    this.#inTransaction = false;
  }

  get inTransaction(): boolean {
    return this.#inTransaction;
  }

  /** Why nothing can be sent now; undefined where it can. */
  refusal(): Error | undefined {
    const { service, own } = this.#host;
    if (this.#closed) return shardUnavailable(service.name, this.name, 'is closed');
    if (this.state !== 'up' && this.state !== 'connecting') {
      return refusalOf(service.name, this.name, this.state, this.#cause);
    }
    if (this.connection.status !== 'ready' && waitingOn(this.connection) >= own.maxOfflineCommands) {
      const why = `is not connected, and maxOfflineCommands ${own.maxOfflineCommands} wait for it already`;
      return shardUnavailable(service.name, this.name, why, this.#cause);
    }
    return undefined;
  }

  /** Settles the command one way or the other. */
  send(command: Command): void {
    const refusal = this.refusal();
    this.counts[refusal === undefined ? 'commands' : 'refused']++;
    if (refusal === undefined) this.connection.sendCommand(command);
    else {
      this.#calls.refused();
      refuse(command, refusal);
    }
  }

  /**
   * Asked once for all of them: a MULTI without its EXEC would take in whatever others send next.
   */
  sendTogether(commands: readonly Command[]): void {
    const refusal = this.refusal();
    this.counts[refusal === undefined ? 'commands' : 'refused'] += commands.length;
    if (refusal !== undefined) refuseAll(commands, () => this.refusal() ?? refusal);
    else for (const command of commands) this.connection.sendCommand(command);
  }

  /** Whatever the state: for what decides about the state, and reads of a demoted one. */
  issue(command: Command): void {
    this.connection.sendCommand(command);
  }

  /** Calls back once, when it goes down or is closed; returns what takes that back. */
  onceDown(listener: () => void): () => void {
    return this.#downListeners.add(listener);
  }

  /** It may be used. */
  admit(): void {
    if (this.#closed || this.state === 'up') return;
    this.state = 'up';
    this.#host.service.reportRecovered(this.endpoint);
    this.#host.shardChanged(this);
  }

  /** It answers, and may not be used yet. */
  quarantine(): void {
    if (this.#closed || this.state === 'quarantined') return;
    this.state = 'quarantined';
    this.#host.shardChanged(this);
  }

  /** Tries now what would be tried later. Rejects where the server cannot be reached. */
  async reconnect(): Promise<void> {
    const { connection } = this;
    this.begin();
    if (connection.status === 'reconnecting' || connection.status === 'end') await connection.connect();
    else if (this.state !== 'up') throw new Error('Connection is closed.');
  }

  /**
   * Lets the commands under way finish, then closes. `retired`: discovery lists it no longer, and
   * what is recalled of those that wait comes back first.
   */
  async quit(retired = false): Promise<void> {
    if (this.#closed) return;
    this.#retired = retired;
    this.#stop();
    this.#replicas.quit();
    if (retired) await this.blocking.retire();
    else this.blocking.close();
    if (this.state === 'down') endConnection(this.connection);
    else await farewell(this.connection, this.#host.clock);
  }

  disconnect(): void {
    this.#stop();
    this.#replicas.disconnect();
    this.blocking.close();
    if (this.state === 'down') endConnection(this.connection);
    else this.connection.disconnect();
  }

  #stop(): void {
    this.#closed = true;
    this.#prober.close();
    this.#downListeners.tell();
  }

  #createProber(): Prober {
    const { clock, looks, own, watch } = this.#host;
    const shard = this;
    return new Prober({
      clock,
      looks,
      connection: this.connection,
      intervalMs: own.probeIntervalMs,
      downAfterMs: own.downAfterMs,
      get occupied() {
        return shard.#inTransaction;
      },
      get calm() {
        return shard.state === 'up' && watch.rests;
      },
      question: () => this.#question(),
      answered: (outcome) => {
        this.#up();
        this.#report(this.#role?.demoted || this.#data.missing ? Outcome.Failure : outcome);
      },
      silent: (outcome, ms) => {
        if (ms !== undefined) this.#cause = new Error(`No answer for ${Math.round(ms)} ms.`);
        this.#down(outcome);
      },
      interrupted: () => this.#report(Outcome.Failure),
    });
  }

  /** A question whose answer shows that it lives; ROLE is one, where nothing else is to be read. */
  #question(): Command {
    if (this.#data.missing) return this.#data.question();
    const probe = this.#host.watch.probe(this);
    if (probe === undefined) return this.#role?.question() ?? ownCommand('ping');
    if (this.state !== 'up' || this.#asked++ % 2 === 0) this.#role?.ask();
    return probe;
  }

  #ready(): void {
    this.#prober.forget();
    this.#role?.renew();
    if (!this.#unhealthy) this.#cause = undefined;
    this.#host.retries.connected(this);
    // What was down may come back as a replica: it is asked before it is used.
    if (isOut(this.state)) this.#prober.lookNow();
    else this.#up();
  }

  #lost(): void {
    this.#prober.forget();
    this.#inTransaction = false;
    if (this.#closed) return;
    if (this.state === 'up') {
      // Its server may have restarted in the meantime; the first attempt to connect again will
      // show.
      this.state = 'connecting';
      this.#prober.disconnected();
      this.#host.shardChanged(this);
    } else this.#down(Outcome.ConnectFailure);
  }

  #failed(error: Error): void {
    this.#cause = error;
    if (!this.#closed) this.#host.shardError(this, error);
  }

  #up(): void {
    if (this.#closed || this.#unhealthy || this.state === 'up') return;
    if (this.#role?.demoted) this.#goOut('demoted');
    else if (!this.#data.missing) this.#host.watch.answered(this);
  }

  /** It answers, and serves nothing. */
  #refused(state: 'down' | 'demoted', cause: Error): void {
    if (this.#unhealthy || isOut(this.state)) return;
    this.#cause = cause;
    this.#goOut(state);
  }

  #down(outcome: Outcome): void {
    this.#report(outcome);
    this.#goOut('down');
  }

  #goOut(state: 'down' | 'demoted'): void {
    if (this.#closed || this.state === state) return;
    this.state = state;
    this.blocking.abandon();
    this.#downListeners.tell();
    this.#host.shardChanged(this);
  }

  /** The service's health and its events are about the shards as well; probes are not calls. */
  #report(outcome: Outcome): void {
    this.#listed.looked(this.#host.service, outcome, this.state === 'up');
  }
}
