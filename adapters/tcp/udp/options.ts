import { optionReaders } from '../../../src/adapter.js';
import { clientIpKey, type RoutingKey } from '../../../src/index.js';
import { DAY_MS, serviceName } from '../common/options.js';

/** Who sent a datagram. */
export interface UdpClient {
  readonly address: string;
  readonly port: number;
}

export interface UdpProxyOptions {
  readonly service: string;
  /**
   * A flow, which is what one address and port of a client sends and gets, ends when nothing came
   * for so long, up to a quarter longer; milliseconds. Default 30,000; 10 to 86,400,000.
   */
  readonly idleTimeout?: number;
  /**
   * Datagrams of further clients are dropped. Each flow has a socket. Default 10,000; 1 to
   * 1,000,000.
   */
  readonly maxFlows?: number;
  /**
   * How many datagrams answer each one, where that is known, as in DNS: 1. When all are there the
   * flow ends. Default: it ends when it is idle; 1 to 1,000.
   */
  readonly responses?: number;
  /**
   * A server that did not answer for so long has failed, and the flow gets another one;
   * milliseconds. Default: it need not answer; 10 to 86,400,000.
   */
  readonly replyTimeout?: number;
  /**
   * What a flow is hashed or sticky by: `'client-ip'` for the client's address (of IPv6 its /64, as
   * `clientIpKey`), or a function. Default: nothing; a flow keeps its endpoint without it.
   */
  readonly key?: 'client-ip' | ((client: UdpClient) => RoutingKey | undefined);
  /**
   * A datagram was not passed on, or a server could not be reached. For logs; what it throws is
   * lost. `client` is undefined where the listening itself fails.
   */
  readonly onError?: (error: Error, client: UdpClient | undefined) => void;
}

export interface UdpSettings {
  readonly service: string;
  readonly idleTimeout: number;
  readonly maxFlows: number;
  readonly responses: number | undefined;
  readonly replyTimeout: number | undefined;
  readonly key: (client: UdpClient) => RoutingKey | undefined;
  readonly onError: UdpProxyOptions['onError'];
}

const { callback, integer, invalidOption, number, optional, readOptions } = optionReaders;

const key: optionReaders.Reader<UdpSettings['key']> = (value, name) => {
  if (value === undefined) return () => undefined;
  if (typeof value === 'function') return value as UdpSettings['key'];
  if (value !== 'client-ip') throw invalidOption(name, value, "'client-ip' or a function");
  const keyOf = clientIpKey();
  return ({ address }) => keyOf(address);
};

/** Throws FAIRLEAD_INVALID_OPTION. */
export function readUdpOptions(options: UdpProxyOptions): UdpSettings {
  return readOptions<UdpSettings>('createUdpProxy', options, {
    service: serviceName,
    idleTimeout: number(30_000, 10, DAY_MS),
    maxFlows: integer(10_000, 1, 1_000_000),
    responses: optional(integer(1, 1, 1_000)),
    replyTimeout: optional(number(10, 10, DAY_MS)),
    key,
    onError: callback<NonNullable<UdpProxyOptions['onError']>>(),
  });
}
