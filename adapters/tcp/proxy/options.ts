import { optionReaders } from '../../../src/adapter.js';
import { clientIpKey, type RoutingKey } from '../../../src/index.js';
import { type Networks, networks } from '../common/networks.js';
import { DAY_MS } from '../common/options.js';
import { type TcpRoute, type TcpRoutes, tcpRoutes } from './routes.js';

/** Whose connection it is. */
export interface TcpClient {
  /** Of the client itself where a trusted proxy says so, else of the peer. */
  readonly address: string;
  readonly port: number;
  /** The name of SNI, where `routes` made the proxy look. */
  readonly serverName: string | undefined;
  /** The protocols that the client offers by ALPN; likewise. */
  readonly alpn: readonly string[];
}

export interface TcpProxyOptions {
  /** Where connections go that no route takes. Without it they are reset. */
  readonly service?: string;
  /** Where TLS connections go by the names that they ask for; TLS is not ended here. */
  readonly routes?: readonly TcpRoute[];
  /** How long one attempt to connect may take; milliseconds. Default 2,000; 1 to 86,400,000. */
  readonly connectTimeout?: number;
  /**
   * A connection on which nothing moves for so long, up to a quarter longer, is reset;
   * milliseconds. Default 600,000; 10 to 86,400,000.
   */
  readonly idleTimeout?: number;
  /** Further ones are reset. Default 10,000; 1 to 1,000,000. */
  readonly maxConnections?: number;
  /** The same for each address of a client. Default: no limit. */
  readonly maxConnectionsPerClient?: number;
  /**
   * What a connection is hashed or sticky by: `'client-ip'` for the client's address (of IPv6 its
   * /64, as `clientIpKey`), or a function. Default: nothing.
   */
  readonly key?: 'client-ip' | ((client: TcpClient) => RoutingKey | undefined);
  /**
   * The networks of proxies that begin with a PROXY protocol header, version 1 or 2. From these it
   * must come; from all others it is not looked for. Default: none.
   */
  readonly acceptProxyProtocol?: readonly string[];
  /** Begins connections to endpoints with a PROXY protocol header. Default: none. */
  readonly sendProxyProtocol?: 1 | 2;
  /**
   * The header, and the ClientHello where there are routes, may take so long; milliseconds. Default
   * 3,000; 1 to 86,400,000.
   */
  readonly prefaceTimeout?: number;
  /**
   * A connection was refused, not passed on, or lost. For logs; what it throws is lost. `client` is
   * undefined where the listening itself fails.
   */
  readonly onError?: (error: Error, client: TcpClient | undefined) => void;
}

export interface ProxySettings {
  readonly service: string | undefined;
  readonly routes: TcpRoutes;
  readonly connectTimeout: number;
  readonly idleTimeout: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerClient: number;
  readonly key: ((client: TcpClient) => RoutingKey | undefined) | undefined;
  readonly acceptProxyProtocol: Networks | undefined;
  readonly sendProxyProtocol: 1 | 2 | undefined;
  readonly prefaceTimeout: number;
  readonly onError: TcpProxyOptions['onError'];
}

const { callback, integer, invalidOption, number, optional, readOptions, text } = optionReaders;
type Reader<T> = optionReaders.Reader<T>;

const key: Reader<ProxySettings['key']> = (value, name) => {
  if (value === undefined) return undefined;
  if (typeof value === 'function') return value as ProxySettings['key'];
  if (value !== 'client-ip') throw invalidOption(name, value, "'client-ip' or a function");
  const keyOf = clientIpKey();
  return ({ address }) => keyOf(address);
};

const version: Reader<1 | 2 | undefined> = optional((value, name) => {
  if (value === 1 || value === 2) return value;
  throw invalidOption(name, value, '1 or 2');
});

/** Throws FAIRLEAD_INVALID_OPTION. */
export function readProxyOptions(options: TcpProxyOptions): ProxySettings {
  const settings = readOptions<ProxySettings>('createTcpProxy', options, {
    service: text(undefined),
    routes: tcpRoutes,
    connectTimeout: number(2_000, 1, DAY_MS),
    idleTimeout: number(600_000, 10, DAY_MS),
    maxConnections: integer(10_000, 1, 1_000_000),
    maxConnectionsPerClient: (value, name) =>
      value === undefined ? Number.POSITIVE_INFINITY : integer(1, 1, 1_000_000)(value, name),
    key,
    acceptProxyProtocol: networks,
    sendProxyProtocol: version,
    prefaceTimeout: number(3_000, 1, DAY_MS),
    onError: callback<NonNullable<TcpProxyOptions['onError']>>(),
  });
  if (settings.service === undefined && settings.routes.none) {
    throw invalidOption('createTcpProxy.service', undefined, 'the name of a service, or routes');
  }
  return settings;
}
