import { type ChannelOptions, connectivityState, experimental, Metadata } from '@grpc/grpc-js';
import type { Endpoint } from '../../src/index.js';
import type { Connection } from './attempt.js';

const { IDLE, READY } = connectivityState;

/** What `getRealSubchannel()` gives: the class has the method, the interface does not tell of it. */
interface ResettableSubchannel {
  resetBackoff?(): void;
}

export interface LeafOwner {
  readonly helper: experimental.ChannelControlHelper;
  /** The connection came or went, or the last attempt failed. */
  leafChanged(leaf: Leaf, from: connectivityState, to: connectivityState): void;
}

/**
 * The connection to one endpoint. Connects at once and stays connected: an endpoint enters the rotation with its connection
 * up, and a first call never waits for a handshake. Reconnecting and its backoff are grpc-js's.
 */
export class Leaf implements Connection {
  readonly endpoint: Endpoint;
  state: connectivityState = IDLE;
  subchannel: experimental.SubchannelInterface | undefined = undefined;
  connection = 0;
  lastError = '';
  readonly #owner: LeafOwner;
  readonly #balancer: experimental.LeafLoadBalancer;
  #spec: Endpoint['spec'];
  #reportedLoss = -1;
  #real: ResettableSubchannel | undefined;
  #closed = false;

  constructor(endpoint: Endpoint, owner: LeafOwner, options: ChannelOptions, resolutionNote: string) {
    this.endpoint = endpoint;
    this.#owner = owner;
    this.#spec = endpoint.spec;
    const { host, port } = endpoint.spec;
    const helper = experimental.createChildChannelControlHelper(owner.helper, {
      createSubchannel: (address, args) => this.#track(owner.helper.createSubchannel(address, args)),
      updateState: (state, picker, error) => this.#update(state, picker, error),
      // Discovery pushes; asking it again would tell nothing new.
      requestReresolution: () => {},
    });
    this.#balancer = new experimental.LeafLoadBalancer(
      { addresses: [{ host, port }] },
      helper,
      options,
      resolutionNote,
    );
  }

  connect(): void {
    this.#balancer.startConnecting();
    // Connections are shared and outlive a departure for some seconds: this one may be waiting out a backoff from then.
    if (this.state !== READY) this.retryNow();
  }

  /** Discovery told of the endpoint anew: if it is believed to be down, that is worth a try at once. */
  rediscovered(): void {
    if (this.#spec === this.endpoint.spec) return;
    this.#spec = this.endpoint.spec;
    if (this.state !== READY) this.retryNow();
  }

  /** Ends a reconnect backoff. Does nothing while a connection is up or being made. */
  retryNow(): void {
    this.#real?.resetBackoff?.();
  }

  reportLoss(connection: number): boolean {
    if (this.#reportedLoss >= connection) return false;
    this.#reportedLoss = connection;
    return true;
  }

  /** Calls in progress go on; the connection ends after the last one. */
  close(): void {
    this.#closed = true;
    this.subchannel = undefined;
    this.#balancer.destroy();
  }

  #track(subchannel: experimental.SubchannelInterface): experimental.SubchannelInterface {
    this.#real = subchannel.getRealSubchannel() as ResettableSubchannel;
    return subchannel;
  }

  #update(state: connectivityState, picker: experimental.Picker, error: string | null): void {
    if (this.#closed) return;
    const from = this.state;
    this.state = state;
    if (from === READY && state !== READY) this.connection++;
    // The picker of a connected leaf knows one subchannel and gives it for every pick.
    this.subchannel = state === READY ? (picker.pick(NO_CALL).subchannel ?? undefined) : undefined;
    if (error !== null) this.lastError = error;
    this.#owner.leafChanged(this, from, state);
    // The connection was lost, or the server said GOAWAY: get the next one before a call asks for it.
    if (state === IDLE) this.#balancer.exitIdle();
  }
}

const NO_CALL: experimental.PickArgs = { metadata: new Metadata(), extraPickInfo: {} };
