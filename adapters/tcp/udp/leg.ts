import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { classifyError, type Lease, Outcome } from '../../../src/index.js';

/** Datagrams that wait for their socket, and bytes that wait for the kernel, at most. */
const MAX_WAITING = 16;
const MAX_QUEUED_BYTES = 1_048_576;
/** What is longer is not kept to be sent again. */
const MAX_KEPT_BYTES = 1_500;

/** How a leg ended, other than by its owner. */
export interface LegEvents {
  /** A datagram of the server. */
  answered(datagram: Buffer): void;
  /** `unsent`: the only datagram, where the server provably did not get it. */
  failed(error: Error, unsent: Buffer | undefined): void;
}

/**
 * A flow's way to one endpoint: a connected socket and a lease. Ends with a failure where the
 * endpoint's host says that nobody listens there.
 */
export class UdpLeg {
  readonly lease: Lease;
  readonly #socket: Socket;
  readonly #events: LegEvents;
  /** Until the socket is connected. */
  #waiting: Buffer[] | undefined = [];
  /** The first datagram while it is the only one: what is refused then is that one. */
  #only: Buffer | undefined;
  #sent = 0;
  #received = 0;
  #over = false;

  constructor(lease: Lease, events: LegEvents) {
    this.lease = lease;
    this.#events = events;
    const { host, port } = lease.endpoint.spec;
    this.#socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    this.#socket.on('error', this.#failed);
    this.#socket.on('message', (datagram: Buffer) => {
      this.#received++;
      this.#only = undefined;
      events.answered(datagram);
    });
    this.#socket.connect(port, host, this.#connected);
  }

  get answered(): boolean {
    return this.#received > 0;
  }

  /** False where it is dropped, for want of room. */
  send(datagram: Buffer): boolean {
    this.#only = this.#sent === 0 && this.#received === 0 && datagram.length <= MAX_KEPT_BYTES ? datagram : undefined;
    this.#sent++;
    if (this.#waiting !== undefined) {
      if (this.#waiting.length === MAX_WAITING) return false;
      this.#waiting.push(datagram);
      return true;
    }
    if (this.#socket.getSendQueueSize() > MAX_QUEUED_BYTES) return false;
    this.#socket.send(datagram, this.#written);
    return true;
  }

  /** Idempotent. */
  end(outcome: Outcome, hadMs?: number): void {
    if (this.#over) return;
    this.#over = true;
    this.#socket.close();
    this.lease.done(outcome, hadMs);
  }

  readonly #connected = (error?: Error): void => {
    // A lookup that fails is reported here.
    if (error !== undefined && error !== null) {
      this.#failed(error);
      return;
    }
    if (this.#over) return;
    const waiting = this.#waiting!;
    this.#waiting = undefined;
    for (const datagram of waiting) this.#socket.send(datagram, this.#written);
  };

  readonly #written = (error: Error | null): void => {
    if (error !== null) this.#failed(error);
  };

  readonly #failed = (error: Error): void => {
    if (this.#over) return;
    const unsent = this.#only;
    // What this process lacks, such as descriptors, says nothing of the endpoint.
    this.end(classifyError(error) === Outcome.ConnectFailure ? Outcome.ConnectFailure : Outcome.Cancelled);
    this.#events.failed(error, unsent);
  };
}
