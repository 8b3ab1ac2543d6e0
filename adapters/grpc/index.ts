export type { GrpcOptions, GrpcServiceOptions, GrpcTargetOptions } from './options.js';
export { type GrpcRegistration, registerGrpc } from './register.js';
export { setPreferredEndpoint, setRoutingKey } from './routing-key.js';
export type { GrpcMethodConfig, GrpcServiceConfig } from './service-config.js';
export { type CallStatus, type Classify, outcomeOf } from './status.js';
