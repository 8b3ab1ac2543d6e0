import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { type ConnectingContext, callPlanning, checkMesh } from '../../src/adapter.js';
import { type Clock, FairleadError, type Mesh, type Timer } from '../../src/index.js';
import { type CloseOptions, Closing } from './common/closing.js';
import { readWhere } from './common/options.js';
import { type ProxySettings, readProxyOptions, type TcpClient, type TcpProxyOptions } from './proxy/options.js';
import { type ConnectionHost, IDLE_LOOKS, ProxiedConnection } from './proxy/proxied-connection.js';

/** Connections of clients to endpoints of services, byte by byte. */
export interface TcpProxy extends AsyncDisposable {
  /** Once. Resolves with where it listens; rejects with the network's error. */
  listen(where: { readonly port: number; readonly host?: string; readonly backlog?: number }): Promise<AddressInfo>;
  /** Open now. */
  readonly connections: number;
  /**
   * Listens no more, lets connections end, and resets those that are left after `deadlineMs`
   * (default 10,000; 0 to 86,400,000). Idempotent.
   */
  close(options?: CloseOptions): Promise<void>;
}

/**
 * A proxy for any protocol over TCP: each connection goes to one endpoint and stays there. Throws
 * FAIRLEAD_INVALID_OPTION.
 *
 * ```ts
 * const proxy = createTcpProxy(mesh, { service: 'database' });
 * const { port } = await proxy.listen({ port: 5432, host: '127.0.0.1' });
 * ```
 */
export function createTcpProxy(mesh: Mesh, options: TcpProxyOptions): TcpProxy {
  checkMesh('createTcpProxy', mesh);
  return new LiveTcpProxy(mesh, readProxyOptions(options));
}

/** Nothing is lost, and nothing is kept. Who vanished is idle: no need to probe for that. */
const SERVER = { allowHalfOpen: true, pauseOnConnect: true, noDelay: true } as const;

class LiveTcpProxy implements TcpProxy, ConnectionHost {
  readonly settings: ProxySettings;
  readonly clock: Clock;
  readonly #contexts = new Map<string, ConnectingContext>();
  readonly #open = new Set<ProxiedConnection>();
  /** Connections by address, where that is limited. */
  readonly #byClient = new Map<string, number>();
  readonly #server: Server;
  readonly #unregister: () => void;
  readonly #figures = { accepted: 0, refused: 0, failed: 0, reset: 0, idle: 0, bytesIn: 0, bytesOut: 0 };
  #looking: Timer | undefined;
  readonly #closing = new Closing((deadlineMs) => this.#drain(deadlineMs));
  #empty: (() => void) | undefined;

  constructor(mesh: Mesh, settings: ProxySettings) {
    this.settings = settings;
    this.clock = mesh.clock;
    const { service, routes } = settings;
    // Now and not at the first connection: discovery begins, and what is wrong is known.
    for (const name of new Set([...(service === undefined ? [] : [service]), ...routes.services])) {
      const live = mesh.service(name);
      this.#contexts.set(name, { service: live, planning: callPlanning(live), clock: mesh.clock });
    }
    this.#server = createServer(SERVER, (client) => this.#accept(client));
    this.#server.on('error', (error) => this.#tell(error, undefined));
    this.#unregister = mesh.register({
      kind: 'tcp',
      name: service ?? routes.services.join(', '),
      figures: () => ({ connections: this.#open.size, ...this.#figures }),
      drain: (deadlineMs) => this.#closing.drain(deadlineMs),
      close: () => this.#resetAll('the mesh is closed'),
    });
  }

  get connections(): number {
    return this.#open.size;
  }

  async listen(where: {
    readonly port: number;
    readonly host?: string;
    readonly backlog?: number;
  }): Promise<AddressInfo> {
    readWhere(where);
    if (this.#closing.begun) throw new FairleadError('FAIRLEAD_CLOSED', 'The TCP proxy is closed.');
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(where, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    this.#lookSoon();
    return this.#server.address() as AddressInfo;
  }

  close(options?: CloseOptions): Promise<void> {
    return this.#closing.close(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  contextOf(service: string): ConnectingContext {
    return this.#contexts.get(service)!;
  }

  admits(address: string): boolean {
    const { maxConnectionsPerClient } = this.settings;
    const open = this.#byClient.get(address) ?? 0;
    if (open >= maxConnectionsPerClient) {
      this.#figures.refused++;
      return false;
    }
    this.#byClient.set(address, open + 1);
    return true;
  }

  closed(connection: ProxiedConnection, reset: boolean): void {
    this.#open.delete(connection);
    if (reset) this.#figures.reset++;
    this.#figures.bytesIn += connection.bytesFromClient;
    this.#figures.bytesOut += connection.bytesFromServer;
    const { admitted } = connection;
    if (admitted !== undefined) {
      const left = this.#byClient.get(admitted)! - 1;
      if (left > 0) this.#byClient.set(admitted, left);
      else this.#byClient.delete(admitted);
    }
    if (this.#open.size === 0) this.#empty?.();
  }

  failed(error: Error, client: TcpClient): void {
    this.#figures.failed++;
    this.#tell(error, client);
  }

  #accept(client: Socket): void {
    if (this.#open.size >= this.settings.maxConnections || this.#closing.begun) {
      this.#figures.refused++;
      client.on('error', () => {});
      client.resetAndDestroy();
      return;
    }
    this.#figures.accepted++;
    this.#open.add(new ProxiedConnection(this, client));
  }

  #lookSoon(): void {
    this.#looking = this.clock.after(this.settings.idleTimeout / IDLE_LOOKS, () => {
      for (const connection of this.#open) {
        if (connection.look()) continue;
        this.#figures.idle++;
        connection.fail(new Error(`nothing moved for ${this.settings.idleTimeout} ms`), connection.idleOutcome);
      }
      this.#lookSoon();
    });
  }

  async #drain(deadlineMs: number): Promise<void> {
    this.#server.close();
    if (this.#open.size > 0) {
      const timer = this.clock.awaited(deadlineMs, () => this.#resetAll('the proxy is closed'));
      await new Promise<void>((resolve) => {
        this.#empty = resolve;
      });
      timer.cancel();
    }
    this.#looking?.cancel();
    this.#unregister();
  }

  #resetAll(why: string): void {
    for (const connection of this.#open) connection.fail(new Error(`${why} before the connection ended`));
  }

  #tell(error: Error, client: TcpClient | undefined): void {
    try {
      this.settings.onError?.(error, client);
    } catch {
      // A log that fails stops no connection.
    }
  }
}
