import { type ChannelOptions, connectivityState, experimental, Metadata } from '@grpc/grpc-js';
import { type Authority, ownName, restartLoadReports } from '../../../src/adapter.js';
import type { Clock, Endpoint, Random } from '../../../src/index.js';
import type { PickableConnection } from '../calls/picker.js';
import type { ChannelTelemetry } from '../common/telemetry.js';
import { Connecting } from './connecting.js';
import { HealthWatch } from './health-watch.js';
import { LoadWatch } from './load-watch.js';
import { whyNotConnected } from './why-not-connected.js';

const { CONNECTING, IDLE, READY, TRANSIENT_FAILURE } = connectivityState;

export interface LeafHost {
  readonly helper: experimental.ChannelControlHelper;
  /** The connection came or went, or the last attempt failed. */
  leafChanged(leaf: Leaf, from: connectivityState, to: connectivityState): void;
}

export interface LeafSettings {
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry?: ChannelTelemetry;
  readonly connectTimeoutMs: number;
  readonly authority: Authority | undefined;
  /** The name to ask the health service for; undefined where it is not asked. */
  readonly healthService: string | undefined;
  /** How often it is to report its load apart from calls; undefined where it is not asked to. */
  readonly oobReportingPeriodMs: number | undefined;
  /**
   * How many connections to the endpoint there may be, and from how many calls on each another one
   * is wanted.
   */
  readonly maxConnections: number;
  readonly streamsPerConnection: number;
  /** What identifies the connection. */
  readonly options: ChannelOptions;
}

const NO_LEAVES: readonly Leaf[] = [];

/** Options that differ make connections that differ; grpc-js passes them by otherwise. */
const GENERATION = 'fairlead.generation';
const CONNECTION = 'fairlead.connection';

/**
 * The connection to one endpoint. Connects at once and stays connected: an endpoint enters the
 * rotation with its connection up (and, where that is asked for, its health service saying so), and
 * a first call never waits for a handshake. Reconnecting and its backoff are grpc-js's, which sees
 * its channel through this object.
 */
export class Leaf implements PickableConnection, experimental.ChannelControlHelper {
  readonly endpoint: Endpoint;
  /** The name of this server alone; undefined where it has that of all. */
  readonly authority: string | undefined;
  state: connectivityState = IDLE;
  subchannel: experimental.SubchannelInterface | undefined = undefined;
  connection = 0;
  streams = 0;
  lastError = '';
  /** Since when it cannot be used, from the first attempt that failed; milliseconds. */
  failingSinceMs: number | undefined;
  readonly #owner: LeafHost;
  #settings: LeafSettings;
  readonly #connecting: Connecting;
  /** Further connections to the endpoint, opened when calls ran out of room. */
  #more: readonly Leaf[] = NO_LEAVES;
  #balancer: experimental.LeafLoadBalancer;
  #transport: connectivityState = IDLE;
  #connected: experimental.SubchannelInterface | undefined;
  #health: HealthWatch | undefined;
  #load: LoadWatch | undefined;
  #spec: Endpoint['spec'];
  #reportedLoss = -1;
  #generation = 0;
  /**
   * An attempt to connect has timed out; until one succeeds, the endpoint is down, not about to be
   * up.
   */
  #stuck = false;
  #closed = false;

  constructor(endpoint: Endpoint, owner: LeafHost, settings: LeafSettings) {
    this.endpoint = endpoint;
    this.#owner = owner;
    this.#settings = settings;
    this.#spec = endpoint.spec;
    this.authority = ownName(settings.authority, endpoint.spec);
    this.#connecting = new Connecting(settings.clock, settings.connectTimeoutMs, this);
    this.#balancer = this.#createBalancer();
  }

  connect(): void {
    this.#balancer.startConnecting();
    // Connections are shared and outlive a departure for some seconds: this one may be waiting out
    // a backoff from then.
    if (this.#transport !== READY) this.retryNow();
  }

  /**
   * Discovery reported the endpoint anew: if it is believed to be down, that is worth a try at
   * once.
   */
  rediscovered(): void {
    if (this.#spec === this.endpoint.spec) return;
    this.#spec = this.endpoint.spec;
    if (this.#transport !== READY) this.retryNow();
  }

  /** Ends a reconnect backoff. Does nothing while a connection is up or being made. */
  retryNow(): void {
    this.#connecting.retryNow();
  }

  /** Settings may change while the connection is up: whom to ask for its health. */
  update({ healthService }: LeafSettings): void {
    if (healthService === this.#settings.healthService) return;
    this.#settings = { ...this.#settings, healthService };
    for (const leaf of this.#more) leaf.update(this.#settings);
    if (this.#transport !== READY) return;
    // What was known is good until there is an answer: otherwise every endpoint would leave the
    // rotation until it answered.
    this.#watch(this.#connected, this.#health?.healthy ?? true);
    this.#settle(null);
  }

  roomiest(): Leaf {
    const { maxConnections, streamsPerConnection } = this.#settings;
    if (maxConnections === 1 || this.streams < streamsPerConnection) return this;
    let roomiest: Leaf = this;
    let opening = false;
    for (const leaf of this.#more) {
      if (leaf.subchannel === undefined) opening = true;
      else if (leaf.streams < roomiest.streams) roomiest = leaf;
    }
    // One at a time: a burst must not open all that are allowed before the first of them is up.
    if (roomiest.streams >= streamsPerConnection && !opening && this.#more.length + 1 < maxConnections) this.#addLeaf();
    return roomiest;
  }

  #addLeaf(): void {
    const options = { ...this.#settings.options, [CONNECTION]: this.#more.length + 1 };
    // Only the first connection decides whether the endpoint is up.
    const owner: LeafHost = { helper: this.#owner.helper, leafChanged: () => {} };
    const once = { maxConnections: 1, oobReportingPeriodMs: undefined };
    const leaf = new Leaf(this.endpoint, owner, { ...this.#settings, ...once, options });
    this.#more = [...this.#more, leaf];
    leaf.connect();
  }

  reportLoss(connection: number): boolean {
    if (this.#reportedLoss >= connection) return false;
    this.#reportedLoss = connection;
    return true;
  }

  /** Calls in progress go on; the connection ends after the last one. */
  close(): void {
    if (this.#transport === READY) this.#settings.telemetry?.connection(this.endpoint, 'closed');
    this.#closed = true;
    this.subchannel = undefined;
    this.#stopWatching();
    this.#connecting.stop();
    this.#balancer.destroy();
    for (const leaf of this.#more) leaf.close();
  }

  #createBalancer(): experimental.LeafLoadBalancer {
    const { host, port } = this.endpoint.spec;
    let { options } = this.#settings;
    if (this.#generation > 0) options = { ...options, [GENERATION]: this.#generation };
    if (this.authority !== undefined)
      options = { ...options, 'grpc.ssl_target_name_override': this.authority.replace(/:\d+$/, '') };
    return new experimental.LeafLoadBalancer({ addresses: [{ host, port }] }, this, options, '');
  }

  createSubchannel(
    ...args: Parameters<experimental.ChannelControlHelper['createSubchannel']>
  ): experimental.SubchannelInterface {
    const subchannel = this.#owner.helper.createSubchannel(...args);
    this.#connecting.watch(subchannel);
    return subchannel;
  }

  /** Discovery pushes; asking it again would bring nothing new. */
  requestReresolution(): void {}

  addChannelzChild(...args: Parameters<experimental.ChannelControlHelper['addChannelzChild']>): void {
    this.#owner.helper.addChannelzChild(...args);
  }

  removeChannelzChild(...args: Parameters<experimental.ChannelControlHelper['removeChannelzChild']>): void {
    this.#owner.helper.removeChannelzChild(...args);
  }

  /** An attempt to connect ended without a connection. */
  failed(): void {
    this.#settings.telemetry?.connection(this.endpoint, 'failed');
  }

  /**
   * The peer accepted and never spoke, or did not even refuse: leave that attempt behind and make
   * another.
   */
  expired(): void {
    if (this.#closed) return;
    this.failed();
    this.#connecting.abort();
    this.#balancer.destroy();
    this.#stuck = true;
    this.#generation++;
    this.#balancer = this.#createBalancer();
    this.#settle(`no HTTP/2 connection within ${this.#settings.connectTimeoutMs} ms`);
    this.#balancer.startConnecting();
  }

  updateState(state: connectivityState, picker: experimental.Picker, error: string | null): void {
    if (this.#closed) return;
    const before = this.#transport;
    this.#transport = state;
    this.#tell(before, state);
    if (before === READY && state !== READY) {
      this.connection++;
      this.#stopWatching();
    }
    if (state === READY) {
      this.#stuck = false;
      // The picker of a connected leaf knows one subchannel and returns it for every pick.
      const connected = picker.pick(NO_CALL).subchannel ?? undefined;
      if (before !== READY || connected !== this.#connected) this.#watch(connected);
      // Not the first connection of this channel: the server may have been started anew.
      if (before !== READY && this.connection > 0) restartLoadReports(this.endpoint);
      this.#connected = connected;
    }
    this.#settle(error);
    // The connection was lost, or the server said GOAWAY: get the next one before a call asks for
    // it.
    if (state === IDLE) this.#balancer.exitIdle();
  }

  #tell(before: connectivityState, state: connectivityState): void {
    if (before === state) return;
    const { telemetry } = this.#settings;
    if (state === READY) telemetry?.connection(this.endpoint, 'connected');
    else if (before === READY) telemetry?.connection(this.endpoint, 'disconnected');
  }

  /** Has the server report on itself, where that is asked for. */
  #watch(subchannel: experimental.SubchannelInterface | undefined, healthy?: boolean): void {
    const { healthService, oobReportingPeriodMs } = this.#settings;
    if (subchannel === undefined) return;
    this.#stopWatching();
    if (oobReportingPeriodMs !== undefined) {
      this.#load = new LoadWatch(subchannel, this.endpoint, oobReportingPeriodMs, this.#settings);
    }
    if (healthService === undefined) return;
    const changed = (): void => this.#settle(this.#health?.reason ?? null);
    this.#health = new HealthWatch(subchannel, healthService, this.#settings, changed, healthy);
  }

  #stopWatching(): void {
    this.#health?.close();
    this.#health = undefined;
    this.#load?.close();
    this.#load = undefined;
  }

  #settle(error: string | null): void {
    if (error) this.lastError = whyNotConnected(error);
    const from = this.state;
    const to = this.#derive();
    this.state = to;
    this.subchannel = to === READY ? this.#connected : undefined;
    if (to === READY) this.failingSinceMs = undefined;
    else if (to === TRANSIENT_FAILURE) this.failingSinceMs ??= this.#settings.clock.now();
    this.#owner.leafChanged(this, from, to);
  }

  #derive(): connectivityState {
    if (this.#transport !== READY) return this.#stuck ? TRANSIENT_FAILURE : this.#transport;
    if (this.#health === undefined || this.#health.healthy === true) return READY;
    return this.#health.healthy === undefined ? CONNECTING : TRANSIENT_FAILURE;
  }
}

const NO_CALL: experimental.PickArgs = { metadata: new Metadata(), extraPickInfo: {} };
