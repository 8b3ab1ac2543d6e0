export type { ConsulConnectionOptions, ConsulTlsOptions } from './connection.js';
export { type ConsulKvOptions, consulKv } from './consul-kv.js';
export { type ConsulRegistrarOptions, consulRegistrar } from './consul-registrar.js';
export { consulResolver } from './consul-resolver.js';
export type { Consistency, ConsulQueryOptions } from './health-query.js';
export type { ConsulCheck, ConsulInstance, ConsulInstanceUpdate } from './instance.js';
export type { ConsulResolverOptions } from './resolver-options.js';
