export { setPreferredEndpoint, setRoutingKey } from './calls/routing-key.js';
export type { AttemptCounts, Counted, GrpcCounts, GrpcPart, MethodCounts } from './common/method-counts.js';
export { type CallStatus, type Classify, outcomeOf } from './common/status.js';
export type { GrpcOptions, GrpcServiceOptions, GrpcTargetOptions } from './config/options.js';
export type { GrpcMethodConfig, GrpcServiceConfig } from './config/service-config.js';
export type { ConnectivityChange, GrpcEvents } from './connections/reachability.js';
export type { ExplainedCall } from './explain.js';
export type {
  GrpcAttemptMessage,
  GrpcCallMessage,
  GrpcConnectionMessage,
  GrpcWeighingMessage,
} from './messages.js';
export { type GrpcRegistration, registerGrpc } from './register.js';
