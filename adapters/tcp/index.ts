export { createConnection, type TcpConnectionOptions } from './connection.js';
export type { TcpClient, TcpProxyOptions } from './proxy/options.js';
export type { TcpRoute } from './proxy/routes.js';
export { createTcpProxy, type TcpProxy } from './tcp-proxy.js';
export type { UdpClient, UdpProxyOptions } from './udp/options.js';
export { createUdpProxy, type UdpProxy } from './udp-proxy.js';
