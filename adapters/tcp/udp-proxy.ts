import { createSocket, type Socket } from 'node:dgram';
import { type AddressInfo, isIPv4 } from 'node:net';
import { checkMesh } from '../../src/adapter.js';
import {
  type AcquireRequest,
  type Clock,
  FairleadError,
  type Lease,
  type Mesh,
  type Service,
  type Timer,
} from '../../src/index.js';
import { type CloseOptions, Closing } from './common/closing.js';
import { readWhere } from './common/options.js';
import { type FlowHost, UdpFlow } from './udp/flow.js';
import { readUdpOptions, type UdpClient, type UdpProxyOptions, type UdpSettings } from './udp/options.js';

/** Datagrams of clients to endpoints of a service, and back. */
export interface UdpProxy extends AsyncDisposable {
  /**
   * Once. `host` is an address, by default `0.0.0.0`; `::` listens for IPv4 too. Resolves with
   * where it listens; rejects with the network's error.
   */
  listen(where: { readonly port: number; readonly host?: string }): Promise<AddressInfo>;
  /** Open now. */
  readonly flows: number;
  /**
   * Takes no more from clients, passes on the answers that are still to come for at most
   * `deadlineMs` (default 10,000; 0 to 86,400,000), and ends. Idempotent.
   */
  close(options?: CloseOptions): Promise<void>;
}

/**
 * A proxy for protocols over UDP: what an address and port of a client sends goes to one endpoint.
 * Throws FAIRLEAD_INVALID_OPTION.
 *
 * ```ts
 * const proxy = createUdpProxy(mesh, { service: 'dns', responses: 1, replyTimeout: 1_000 });
 * const { port } = await proxy.listen({ port: 53 });
 * ```
 */
export function createUdpProxy(mesh: Mesh, options: UdpProxyOptions): UdpProxy {
  checkMesh('createUdpProxy', mesh);
  return new LiveUdpProxy(mesh, readUdpOptions(options));
}

/** Looks within the shortest time that there is to notice. */
const LOOKS = 4;
/** Answers that wait for the kernel, at most; bytes. */
const MAX_QUEUED_BYTES = 4_194_304;

class LiveUdpProxy implements UdpProxy, FlowHost {
  readonly settings: UdpSettings;
  readonly #clock: Clock;
  readonly #service: Service;
  readonly #flows = new Map<string, UdpFlow>();
  readonly #figures = { datagramsIn: 0, datagramsOut: 0, dropped: 0, failed: 0 };
  readonly #unregister: () => void;
  #socket: Socket | undefined;
  #looking: Timer | undefined;
  readonly #closing = new Closing((deadlineMs) => this.#drain(deadlineMs));
  #empty: (() => void) | undefined;

  constructor(mesh: Mesh, settings: UdpSettings) {
    this.settings = settings;
    this.#clock = mesh.clock;
    this.#service = mesh.service(settings.service);
    this.#unregister = mesh.register({
      kind: 'udp',
      name: settings.service,
      figures: () => ({ flows: this.#flows.size, ...this.#figures }),
      drain: (deadlineMs) => this.#closing.drain(deadlineMs),
      close: () => this.#endAll(),
    });
  }

  get flows(): number {
    return this.#flows.size;
  }

  async listen(where: { readonly port: number; readonly host?: string }): Promise<AddressInfo> {
    const { port, host = '0.0.0.0' } = readWhere(where);
    if (this.#closing.begun) throw new FairleadError('FAIRLEAD_CLOSED', 'The UDP proxy is closed.');
    if (this.#socket !== undefined) throw new FairleadError('FAIRLEAD_CONFLICT', 'The UDP proxy listens already.');
    const socket = createSocket(isIPv4(host) ? 'udp4' : 'udp6');
    this.#socket = socket;
    await new Promise<void>((resolve, reject) => {
      const failed = (error: Error): void => {
        this.#socket = undefined;
        socket.close();
        reject(error);
      };
      socket.once('error', failed);
      socket.bind({ port, address: host }, () => {
        socket.off('error', failed);
        resolve();
      });
    });
    socket.on('error', (error) => this.#tell(error, undefined));
    socket.on('message', (datagram, { address, port: from }) => this.#take(datagram, address, from));
    this.#lookSoon();
    return socket.address();
  }

  close(options?: CloseOptions): Promise<void> {
    return this.#closing.close(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  acquire(request: AcquireRequest): Lease {
    return this.#service.acquire(request);
  }

  reply({ address, port }: UdpClient, datagram: Buffer): void {
    if (this.#socket!.getSendQueueSize() > MAX_QUEUED_BYTES) {
      this.dropped();
      return;
    }
    this.#figures.datagramsOut++;
    // A client that is gone is none of our business; what else goes wrong is heard as 'error'.
    this.#socket!.send(datagram, port, address, () => {});
    if (this.#closing.begun) this.#settle();
  }

  dropped(): void {
    this.#figures.dropped++;
  }

  failed(error: Error, client: UdpClient): void {
    this.#figures.failed++;
    this.#tell(error, client);
  }

  ended({ client: { address, port } }: UdpFlow): void {
    this.#flows.delete(idOf(address, port));
  }

  #take(datagram: Buffer, address: string, port: number): void {
    this.#figures.datagramsIn++;
    const id = idOf(address, port);
    let flow = this.#flows.get(id);
    if (this.#closing.begun || (flow === undefined && this.#flows.size >= this.settings.maxFlows)) {
      this.dropped();
      return;
    }
    if (flow === undefined) {
      flow = new UdpFlow(this, { address, port });
      this.#flows.set(id, flow);
    }
    flow.send(datagram);
  }

  #lookSoon(): void {
    const { idleTimeout, replyTimeout } = this.settings;
    const everyMs = Math.min(idleTimeout, replyTimeout ?? idleTimeout) / LOOKS;
    const idleLooks = Math.ceil(idleTimeout / everyMs);
    const replyLooks = replyTimeout === undefined ? Number.POSITIVE_INFINITY : Math.ceil(replyTimeout / everyMs);
    this.#looking = this.#clock.after(everyMs, () => {
      for (const [id, flow] of this.#flows) {
        if (flow.look(idleLooks, replyLooks)) continue;
        flow.end();
        this.#flows.delete(id);
      }
      this.#lookSoon();
    });
  }

  async #drain(deadlineMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#clock.awaited(deadlineMs, resolve);
      this.#empty = () => {
        timer.cancel();
        resolve();
      };
      this.#settle();
    });
    this.#endAll();
    this.#unregister();
  }

  /** While it closes: nothing is waited for any more where no answer is to come. */
  #settle(): void {
    for (const flow of this.#flows.values()) if (flow.waiting) return;
    this.#empty?.();
  }

  #endAll(): void {
    this.#looking?.cancel();
    for (const flow of this.#flows.values()) flow.end();
    this.#flows.clear();
    this.#socket?.close();
    this.#socket = undefined;
  }

  #tell(error: Error, client: UdpClient | undefined): void {
    try {
      this.settings.onError?.(error, client);
    } catch {
      // A log that fails stops no datagram.
    }
  }
}

const idOf = (address: string, port: number): string => `${address} ${port}`;
