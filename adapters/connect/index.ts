export { type MeshTransport, type MeshTransportOptions, meshTransport, type PeerOptions } from './transport.js';
