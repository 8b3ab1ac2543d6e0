import type { ConnectionOptions } from 'node:tls';
import type { Dispatcher } from 'undici';
import type { Mesh } from '../../../src/index.js';
import { createDispatcher, type HttpOptions, type RepeatLedger } from '../../http/index.js';
import { type BackHttp2Options, type BackHttp2Settings, readBackHttp2 } from '../common/back-http2.js';

/** How a service is spoken to. */
export interface UpstreamOptions
  extends Pick<
    HttpOptions,
    'connections' | 'connectTimeout' | 'headersTimeout' | 'bodyTimeout' | 'keepAliveTimeout' | 'maxHeaderSize'
  > {
  /** TLS towards the endpoints: `true`, or options of `tls.connect`. Default: none. */
  readonly tls?: boolean | HttpOptions['tls'];
  /** The path of a unix socket for an endpoint. */
  readonly socketPath?: HttpOptions['socketPath'];
  /** Whose name the endpoints see in Host: the client's (default), or their own address. */
  readonly host?: 'client' | 'endpoint';
  /**
   * What its endpoints speak: `h2` is HTTP/2, by ALPN over TLS, at once without TLS. Calls of gRPC
   * go over HTTP/2 in any case. Default `http/1.1`.
   */
  readonly protocol?: 'http/1.1' | 'h2';
  /** For requests over HTTP/2. */
  readonly http2?: BackHttp2Options;
}

/** The connections to one service. */
export interface Upstream {
  readonly dispatcher: Dispatcher;
  readonly origin: string;
  /** For TLS: whose certificate is asked for, whatever Host says. */
  readonly servername: string | undefined;
  readonly tls: ConnectionOptions;
  readonly socketPath: HttpOptions['socketPath'];
  readonly connectTimeoutMs: number;
  readonly host: 'client' | 'endpoint';
  readonly protocol: 'http/1.1' | 'h2';
  readonly http2: BackHttp2Settings;
  /** Connections to one endpoint; undefined where no limit is given. */
  readonly connections: number | undefined;
  /** Milliseconds until the headers of a response; undefined where none are given. */
  readonly headersTimeoutMs: number | undefined;
  readonly bodyTimeoutMs: number | undefined;
}

/** The default of `createDispatcher`; milliseconds. */
const CONNECT_TIMEOUT_MS = 2_000;

/** Made at the first request to a service; kept until the gateway closes. */
export class Upstreams {
  readonly #mesh: Mesh;
  readonly #optionsOf: (service: string) => UpstreamOptions;
  readonly #ledger: RepeatLedger;
  readonly #byService = new Map<string, Upstream>();

  constructor(mesh: Mesh, ledger: RepeatLedger, optionsOf: (service: string) => UpstreamOptions) {
    this.#mesh = mesh;
    this.#ledger = ledger;
    this.#optionsOf = optionsOf;
  }

  of(service: string): Upstream {
    const known = this.#byService.get(service);
    if (known !== undefined) return known;
    const { tls, host = 'client', socketPath, protocol = 'http/1.1', http2, ...rest } = this.#optionsOf(service);
    const secure = typeof tls === 'object' ? tls : {};
    const servername = tls === undefined || tls === false ? undefined : (secure.servername ?? service);
    const dispatcher = createDispatcher(this.#mesh, {
      ...rest,
      ledger: this.#ledger,
      ...(socketPath !== undefined && { socketPath }),
      services: () => service,
      hostHeader: host === 'endpoint' ? 'endpoint' : 'url',
      ...(servername !== undefined && { tls: { ...secure, servername } }),
    });
    const scheme = servername === undefined ? 'http' : 'https';
    const upstream: Upstream = {
      dispatcher,
      origin: `${scheme}://upstream`,
      servername,
      tls: secure,
      socketPath,
      connectTimeoutMs: rest.connectTimeout ?? CONNECT_TIMEOUT_MS,
      host,
      protocol,
      http2: readBackHttp2(http2, `upstreams.${service}.http2`),
      connections: rest.connections ?? undefined,
      headersTimeoutMs: rest.headersTimeout ?? undefined,
      bodyTimeoutMs: rest.bodyTimeout ?? undefined,
    };
    this.#byService.set(service, upstream);
    return upstream;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#byService.values()].map(({ dispatcher }) => dispatcher.close()));
  }

  async destroy(): Promise<void> {
    await Promise.all([...this.#byService.values()].map(({ dispatcher }) => dispatcher.destroy()));
  }
}
