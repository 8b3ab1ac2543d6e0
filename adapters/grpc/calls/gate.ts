import { connectivityState, credentials, type experimental, Metadata } from '@grpc/grpc-js';
import { holdProcess } from '../../../src/adapter.js';
import type { Clock, Timer } from '../../../src/index.js';
import { barePick } from './bare-pick.js';

/** What a channel lets through: every call, none, or those that do not wait for better times. */
export type GateState = 'open' | 'closed' | 'failing';

/** Whom to ask what calls wait for. */
export interface WaitExplainer {
  whyWaiting(): string;
}

/** A call at the gate. */
export interface GatedCall {
  /** gRPC's `waitForReady`: it does not fail where there is no connection. */
  readonly waitsForReady: boolean;
}

interface Place {
  readonly turn: Promise<void>;
  readonly go: () => void;
}

const NOT_BEGUN: WaitExplainer = { whyWaiting: () => 'the channel has not begun to connect' };

/**
 * Where the calls of a channel wait while it has no connection. grpc-js would queue them, and pick
 * for them in the context of whatever ended the wait: what it asks for then, say the credentials
 * of a call, would run in another's context, its routing key included. Here each waits
 * by a promise of its own, and goes on in the context in which it was made.
 */
export class CallGate {
  readonly #clock: Clock;
  /** Undefined until one waits. */
  #places: Map<GatedCall, Place> | undefined;
  #state: GateState = 'closed';
  #explainer = NOT_BEGUN;
  #keepAlive: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  lets(call: GatedCall): boolean {
    return this.#state === 'open' || (this.#state === 'failing' && !call.waitsForReady);
  }

  /**
   * Resolves at the next turn of the call: it may have to wait again. All its attempts share it.
   */
  wait(call: GatedCall): Promise<void> {
    this.#places ??= new Map();
    let place = this.#places.get(call);
    if (place === undefined) {
      let go!: () => void;
      const turn = new Promise<void>((resolve) => {
        go = resolve;
      });
      place = { turn, go };
      this.#places.set(call, place);
      // Nothing else need hold the process while a call waits.
      this.#keepAlive ??= holdProcess(this.#clock);
    }
    return place.turn;
  }

  /** The call is over: returns what it waited for; undefined where it did not wait. */
  leave(call: GatedCall): string | undefined {
    if (this.#places?.delete(call) !== true) return undefined;
    this.#letGo();
    return this.#explainer.whyWaiting();
  }

  /** The channel's state was reported: those that it lets through get their turn. */
  turn(state: GateState, explainer: WaitExplainer): void {
    this.#state = state;
    this.#explainer = explainer;
    for (const [call, place] of this.#places ?? []) if (this.lets(call)) this.#admit(call, place);
    this.#letGo();
  }

  /** The channel is closed, or idle: all get their turn, and new ones wait. */
  close(): void {
    this.#state = 'closed';
    for (const [call, place] of this.#places ?? []) this.#admit(call, place);
    this.#letGo();
  }

  #admit(call: GatedCall, place: Place): void {
    this.#places?.delete(call);
    place.go();
  }

  #letGo(): void {
    if (this.#places !== undefined && this.#places.size > 0) return;
    this.#places = undefined;
    this.#keepAlive?.cancel();
    this.#keepAlive = undefined;
  }
}

/**
 * A pick that grpc-js takes for one whose connection is lost while its credentials are fetched,
 * which take until the call's next turn: then it picks again, in the context of the call.
 * Credentials of the call itself are asked for at each such pick.
 */
export function waitingPick(turn: Promise<void>): experimental.PickResult {
  return barePick({
    getCallCredentials: () =>
      credentials.createFromMetadataGenerator((_, done) => {
        void turn.then(() => done(null, new Metadata()));
      }),
    getConnectivityState: () => connectivityState.CONNECTING,
  });
}
