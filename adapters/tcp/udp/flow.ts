import { type AcquireRequest, type Endpoint, type Lease, Outcome, type RoutingKey } from '../../../src/index.js';
import { type LegEvents, UdpLeg } from './leg.js';
import type { UdpClient, UdpSettings } from './options.js';

/** What a flow needs of its proxy. */
export interface FlowHost {
  readonly settings: UdpSettings;
  acquire(request: AcquireRequest): Lease;
  reply(client: UdpClient, datagram: Buffer): void;
  dropped(): void;
  failed(error: Error, client: UdpClient): void;
  /** It has nothing more to do. */
  ended(flow: UdpFlow): void;
}

/** Elsewhere a datagram that was refused is sent so often at most. */
const MAX_RESENDS = 2;

/**
 * What one address and port of a client sends and gets. It keeps its endpoint until that leaves, is
 * out because of its health, refuses, or does not answer; then the next datagram has a new pick.
 */
export class UdpFlow implements LegEvents {
  readonly client: UdpClient;
  readonly #host: FlowHost;
  #leg: UdpLeg | undefined;
  /** Picked although it was out: all were. It is not left for that. */
  #inPanic = false;
  /** They failed this flow since the last answer. */
  #tried: readonly Endpoint[] = [];
  /** Answers that are still to come, where their number is known. */
  #owed = 0;
  /** A datagram went out after which nothing has come. */
  #unanswered = false;
  #unansweredLooks = 0;
  #moved = true;
  #quietLooks = 0;

  constructor(host: FlowHost, client: UdpClient) {
    this.#host = host;
    this.client = client;
  }

  /** An answer is to come. */
  get waiting(): boolean {
    return this.#host.settings.responses === undefined ? this.#unanswered : this.#owed > 0;
  }

  send(datagram: Buffer): void {
    this.#moved = true;
    if (this.#leg !== undefined && this.#isOut(this.#leg.lease.endpoint)) this.#leave(this.#verdict());
    this.#leg ??= this.#pick();
    if (this.#leg === undefined || !this.#leg.send(datagram)) {
      this.#host.dropped();
      return;
    }
    this.#owed += this.#host.settings.responses ?? 0;
    if (!this.#unanswered) this.#unansweredLooks = 0;
    this.#unanswered = true;
  }

  /** Called at even intervals; the numbers are of such looks. False where it is over. */
  look(idleLooks: number, replyLooks: number): boolean {
    if (this.#unanswered && ++this.#unansweredLooks > replyLooks) {
      this.#remember();
      this.#leave(Outcome.Timeout, this.#host.settings.replyTimeout);
      this.#unanswered = false;
      this.#owed = 0;
    }
    if (this.#moved) this.#quietLooks = 0;
    else this.#quietLooks++;
    this.#moved = false;
    return this.#quietLooks < idleLooks;
  }

  end(): void {
    this.#leave(this.#verdict());
  }

  #pick(): UdpLeg | undefined {
    let lease: Lease;
    try {
      lease = this.#host.acquire({ key: this.#key(), tried: this.#tried });
    } catch (thrown) {
      this.#host.failed(thrown as Error, this.client);
      return undefined;
    }
    this.#inPanic = isAside(lease.endpoint);
    return new UdpLeg(lease, this);
  }

  /** For its leg. */
  answered(datagram: Buffer): void {
    this.#moved = true;
    this.#unanswered = false;
    this.#tried = [];
    this.#owed = Math.max(0, this.#owed - 1);
    this.#host.reply(this.client, datagram);
    if (this.#host.settings.responses === undefined || this.#owed > 0) return;
    this.end();
    this.#host.ended(this);
  }

  /** For its leg, which has ended. */
  failed(error: Error, unsent: Buffer | undefined): void {
    this.#remember();
    this.#leg = undefined;
    this.#unanswered = false;
    this.#owed = 0;
    this.#host.failed(error, this.client);
    if (unsent !== undefined && this.#tried.length <= MAX_RESENDS) this.send(unsent);
  }

  #key(): RoutingKey | undefined {
    try {
      return this.#host.settings.key(this.client);
    } catch {
      return undefined;
    }
  }

  #isOut(endpoint: Endpoint): boolean {
    return endpoint.state === 'draining' || (isAside(endpoint) && !this.#inPanic);
  }

  #remember(): void {
    if (this.#leg !== undefined) this.#tried = [...this.#tried, this.#leg.lease.endpoint];
  }

  #verdict(): Outcome {
    return this.#leg?.answered === true ? Outcome.Success : Outcome.Cancelled;
  }

  #leave(outcome: Outcome, hadMs?: number): void {
    this.#leg?.end(outcome, hadMs);
    this.#leg = undefined;
  }
}

const isAside = ({ state }: Endpoint): boolean => state === 'ejected' || state === 'unhealthy';
