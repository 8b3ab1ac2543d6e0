import type { Socket } from 'node:net';
import { resetSocket } from '../../../src/adapter.js';
import { Outcome } from '../../../src/index.js';
import { outcomeOfEnd } from '../common/verdict.js';

/**
 * Two sockets, both `allowHalfOpen`, whose bytes go to each other. An end of one direction is
 * passed on and the other goes on; a reset of one side is a reset of the other, as `destroy()`
 * would send a clean end in its place. What one side does not take stops the other from being read.
 *
 * `over` is called once, when both are closed, with what that says of the upstream.
 */
export class Tunnel {
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #over: (outcome: Outcome, error: Error | undefined) => void;
  #open = 2;
  #outcome: Outcome = Outcome.Success;
  #error: Error | undefined;
  /** As of the last look. */
  #seenClient = 0;
  #seenUpstream = 0;
  #unsent = 0;
  /** The last that was heard came from the client. */
  #unanswered = false;
  #quietLooks = 0;

  constructor(client: Socket, upstream: Socket, over: (outcome: Outcome, error: Error | undefined) => void) {
    this.#client = client;
    this.#upstream = upstream;
    this.#over = over;
    forward(client, upstream);
    forward(upstream, client);
    upstream.on('error', (error) => this.#break(error, outcomeOfEnd(error)));
    client.on('error', (error) => this.#break(error, upstream.bytesRead > 0 ? Outcome.Success : Outcome.Cancelled));
    client.on('close', this.#closed);
    upstream.on('close', this.#closed);
    client.resume();
  }

  get upstream(): Socket {
    return this.#upstream;
  }

  /** Ends both sides by a reset. */
  reset(error: Error, outcome: Outcome = Outcome.Cancelled): void {
    this.#break(error, outcome);
  }

  /**
   * Called now and then: returns how many times in a row nothing has moved since. Costs nothing
   * where bytes are passed.
   */
  look(): number {
    const { bytesRead: fromClient } = this.#client;
    const { bytesRead: fromUpstream } = this.#upstream;
    const unsent = this.#client.writableLength + this.#upstream.writableLength;
    const spoke = fromClient !== this.#seenClient;
    const answered = fromUpstream !== this.#seenUpstream;
    if (spoke || answered || unsent !== this.#unsent) this.#quietLooks = 0;
    else this.#quietLooks++;
    if (spoke || answered) this.#unanswered = !answered;
    this.#seenClient = fromClient;
    this.#seenUpstream = fromUpstream;
    this.#unsent = unsent;
    return this.#quietLooks;
  }

  /** Whether the client spoke last, and waits. */
  get unanswered(): boolean {
    return this.#unanswered;
  }

  #break(error: Error, outcome: Outcome): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#outcome = outcome;
    resetSocket(this.#client);
    resetSocket(this.#upstream);
  }

  readonly #closed = (): void => {
    if (--this.#open === 0) this.#over(this.#outcome, this.#error);
  };
}

/** One direction. Costs a tenth less than `pipe`. */
function forward(from: Socket, to: Socket): void {
  from.on('data', (chunk) => {
    if (!to.write(chunk)) from.pause();
  });
  from.on('end', () => to.end());
  to.on('drain', () => from.resume());
}
