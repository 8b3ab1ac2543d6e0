export type { FairleadTransportOptions, IdempotentMethod } from './options.js';
export { type ConnectStatus, outcomeOf } from './outcome.js';
export { preferredEndpoint, routingKey } from './routing-key.js';
export { createFairleadTransport, type FairleadTransport } from './transport.js';
