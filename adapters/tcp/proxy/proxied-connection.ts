import type { Socket } from 'node:net';
import { Connecting, type ConnectingContext, callCounter, resetSocket } from '../../../src/adapter.js';
import { type Clock, type Lease, Outcome, type RoutingKey } from '../../../src/index.js';
import { dial } from '../common/dial.js';
import { unmapped } from '../common/networks.js';
import type { ProxiedAddresses } from '../wire/addresses.js';
import { proxyHeaderV1, proxyHeaderV2 } from '../wire/write-proxy-header.js';
import type { ProxySettings, TcpClient } from './options.js';
import { type Preface, PrefaceReader } from './preface.js';
import { Tunnel } from './tunnel.js';

/** What a connection needs of its proxy. */
export interface ConnectionHost {
  readonly settings: ProxySettings;
  readonly clock: Clock;
  contextOf(service: string): ConnectingContext;
  /** Whether one more connection of this client is allowed; counted where it is. */
  admits(address: string): boolean;
  /** `reset`: it was not ended by both sides. */
  closed(connection: ProxiedConnection, reset: boolean): void;
  failed(error: Error, client: TcpClient): void;
}

/** So many looks in a row without movement make an idle connection. */
export const IDLE_LOOKS = 4;

/**
 * One client's connection through the proxy: what it says at the beginning, where that is asked
 * for; an endpoint; and then bytes. Until the endpoint is connected nothing more is read, so that
 * no more than the beginning is ever kept.
 */
export class ProxiedConnection {
  readonly #host: ConnectionHost;
  readonly #client: Socket;
  /** Asked for where somebody wants it: the system has to be. */
  #known: TcpClient | undefined;
  /** Counted under this address. */
  admitted: string | undefined;
  #reading: PrefaceReader | undefined;
  #connecting: Connecting<Socket> | undefined;
  #tunnel: Tunnel | undefined;
  #lease: Lease | undefined;
  #context: ConnectingContext | undefined;
  #vouched = false;
  #failed = false;

  constructor(host: ConnectionHost, client: Socket) {
    this.#host = host;
    this.#client = client;
    client.on('error', this.#clientFailed);
    client.on('close', this.#clientClosed);
    const { acceptProxyProtocol, routes, prefaceTimeout: timeoutMs } = host.settings;
    const proxyHeader = acceptProxyProtocol?.has(client.remoteAddress) === true;
    const hello = !routes.none;
    if (!proxyHeader && !hello) {
      this.#route(undefined);
      return;
    }
    this.#reading = new PrefaceReader(host.clock, client, { proxyHeader, hello, timeoutMs }, (error, preface) => {
      this.#reading = undefined;
      if (error !== undefined) this.fail(error);
      else if (preface !== undefined) this.#route(preface);
      else client.destroy();
    });
  }

  get bytesFromClient(): number {
    return this.#client.bytesRead;
  }

  get bytesFromServer(): number {
    return this.#tunnel?.upstream.bytesRead ?? 0;
  }

  /** Ends it by a reset, and says why. */
  fail(error: Error, outcome?: Outcome): void {
    if (this.#tunnel !== undefined) {
      this.#tunnel.reset(error, outcome);
      return;
    }
    this.#failed = true;
    this.#host.failed(error, this.#who);
    resetSocket(this.#client);
  }

  /** Called a few times within the time that makes a connection idle. False where it is. */
  look(): boolean {
    const tunnel = this.#tunnel;
    if (tunnel === undefined) return true;
    if (tunnel.look() >= IDLE_LOOKS) return false;
    // A connection may live for days: that its server answers is known before it ends.
    if (!this.#vouched && tunnel.upstream.bytesRead > 0) {
      this.#vouched = true;
      this.#context!.service.reportProbe(this.#lease!.endpoint, Outcome.Success);
    }
    return true;
  }

  /** What being idle says of the server: that it did not answer, where the client spoke last. */
  get idleOutcome(): Outcome {
    return this.#tunnel?.unanswered === true ? Outcome.Timeout : Outcome.Success;
  }

  #route(preface: Preface | undefined): void {
    const { settings } = this.#host;
    const hello = preface?.hello;
    if (preface !== undefined || settings.onError !== undefined) this.#known = this.#look(preface);
    if (settings.maxConnectionsPerClient !== Number.POSITIVE_INFINITY) {
      const { address } = this.#who;
      if (!this.#host.admits(address)) {
        this.fail(new Error(`more than ${settings.maxConnectionsPerClient} connections of one client`));
        return;
      }
      this.admitted = address;
    }
    const service = (hello && settings.routes.serviceOf(hello)) ?? settings.service;
    if (service === undefined) {
      this.fail(new Error(`no route for ${hello?.serverName ?? 'a connection without a server name'}`));
      return;
    }
    const context = this.#host.contextOf(service);
    this.#context = context;
    const connecting = new Connecting<Socket>(
      context,
      { key: this.#key() },
      (endpoint, done) => dial(this.#host.clock, { ...DIAL, connectTimeout: settings.connectTimeout }, endpoint, done),
      (error, lease, upstream) => {
        this.#connecting = undefined;
        if (error === undefined) this.#join(lease!, upstream!, preface);
        else this.fail(error);
      },
    );
    // It may have failed at once.
    if (!this.#client.destroyed && this.#tunnel === undefined) this.#connecting = connecting;
  }

  get #who(): TcpClient {
    this.#known ??= this.#look(undefined);
    return this.#known;
  }

  #look(preface: Preface | undefined): TcpClient {
    const { addresses, hello } = preface ?? {};
    const { address, port } = addresses?.source ?? {
      address: unmapped(this.#client.remoteAddress),
      port: this.#client.remotePort ?? 0,
    };
    return { address, port, serverName: hello?.serverName, alpn: hello?.alpn ?? [] };
  }

  #key(): RoutingKey | undefined {
    const { key } = this.#host.settings;
    try {
      return key?.(this.#who);
    } catch {
      return undefined;
    }
  }

  #join(lease: Lease, upstream: Socket, preface: Preface | undefined): void {
    this.#lease = lease;
    // An ejection for connect failures ends here: a connection may live for days.
    if (lease.endpoint.state === 'probing') this.#context!.service.reportRecovered(lease.endpoint);
    this.#tunnel = new Tunnel(this.#client, upstream, (outcome, error) => {
      const { bytesWritten, bytesRead } = upstream;
      callCounter(this.#context!.service, 'tcp').bytes(lease.endpoint, bytesWritten, bytesRead);
      lease.done(outcome, outcome === Outcome.Timeout ? this.#host.settings.idleTimeout : undefined);
      if (error !== undefined) this.#host.failed(error, this.#who);
      this.#host.closed(this, error !== undefined);
    });
    const { sendProxyProtocol } = this.#host.settings;
    if (sendProxyProtocol !== undefined) {
      const addresses = this.#addresses(preface?.addresses);
      upstream.write(sendProxyProtocol === 1 ? proxyHeaderV1(addresses) : proxyHeaderV2(addresses));
    }
    if (preface !== undefined && preface.rest.length > 0) upstream.write(preface.rest);
  }

  /** Of the client, and of what it connected to: as a proxy before this one said, or as seen. */
  #addresses(told: ProxiedAddresses | undefined): ProxiedAddresses {
    const { remoteAddress = '', remotePort = 0, localAddress = '', localPort = 0 } = this.#client;
    return (
      told ?? {
        source: { address: remoteAddress, port: remotePort },
        destination: { address: localAddress, port: localPort },
      }
    );
  }

  readonly #clientFailed = (error: Error): void => {
    if (this.#tunnel !== undefined) return;
    this.#failed = true;
    this.#host.failed(error, this.#who);
  };

  /** With a tunnel, that reports the end. */
  readonly #clientClosed = (): void => {
    if (this.#tunnel !== undefined) return;
    this.#reading?.cancel();
    this.#connecting?.cancel();
    this.#host.closed(this, this.#failed);
  };
}

/** Half-closed connections are whole ones to a proxy; what is idle it ends itself. */
const DIAL = { tls: undefined, allowHalfOpen: true, noDelay: true, keepAlive: false } as const;
