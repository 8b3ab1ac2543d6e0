import { connectivityState, type experimental } from '@grpc/grpc-js';
import { judgeAfter } from '../../../src/adapter.js';
import type { Clock, Timer } from '../../../src/index.js';

/**
 * What `getRealSubchannel()` returns: the class has more than the interface declares. Each is
 * optional, as it may go.
 */
interface RealSubchannel {
  resetBackoff?(): void;
  /** Holds the HTTP/2 session while it waits for the server's first word. */
  readonly connector?: { readonly session?: { destroy(): void } | null };
}

interface ConnectingHost {
  /** An attempt ended without a connection. */
  failed(): void;
  /** It has not ended in time. */
  expired(): void;
}

/**
 * Watches one subchannel connect. grpc-js waits for ever for a peer that accepts and never speaks
 * (a stopped process, a load balancer without a server behind it); this sets a limit.
 */
export class Connecting {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #host: ConnectingHost;
  #subchannel: experimental.SubchannelInterface | undefined;
  #timer: Timer | undefined;

  constructor(clock: Clock, timeoutMs: number, host: ConnectingHost) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#host = host;
  }

  /** The subchannel in use from now on. */
  watch(subchannel: experimental.SubchannelInterface): void {
    this.stop();
    this.#subchannel = subchannel;
    subchannel.addConnectivityStateListener(this.#listener);
    this.#follow(subchannel.getConnectivityState());
  }

  /** Ends a reconnect backoff. Does nothing while a connection is up or being made. */
  retryNow(): void {
    this.#real?.resetBackoff?.();
  }

  /** Lets go of the subchannel. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#subchannel?.removeConnectivityStateListener(this.#listener);
    this.#subchannel = undefined;
  }

  /**
   * Lets go of the subchannel and ends the attempt it is stuck in, so that its socket is not kept.
   */
  abort(): void {
    const real = this.#real;
    this.stop();
    real?.connector?.session?.destroy();
  }

  get #real(): RealSubchannel | undefined {
    return this.#subchannel?.getRealSubchannel() as RealSubchannel | undefined;
  }

  readonly #listener: experimental.ConnectivityStateListener = (_subchannel, previous, state) => {
    const { CONNECTING, TRANSIENT_FAILURE } = connectivityState;
    if (previous === CONNECTING && state === TRANSIENT_FAILURE) this.#host.failed();
    this.#follow(state);
  };

  #follow(state: connectivityState): void {
    if (state !== connectivityState.CONNECTING) {
      this.#timer?.cancel();
      this.#timer = undefined;
    } else {
      this.#timer ??= judgeAfter(this.#clock, this.#timeoutMs, () => this.#host.expired(), 'after');
    }
  }
}
