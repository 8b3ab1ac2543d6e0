export { createConnection, type TcpConnectionOptions } from './connection.js';
