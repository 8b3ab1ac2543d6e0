export type { EtcdConnectionOptions, EtcdTlsOptions } from './connection.js';
export { type EtcdKvOptions, etcdKv } from './etcd-kv.js';
export { type EtcdRegistrarOptions, etcdRegistrar } from './etcd-registrar.js';
export { etcdResolver } from './etcd-resolver.js';
export type { EtcdInstance } from './instance.js';
export type { EtcdLayout, EtcdWrittenInstance } from './layout.js';
export type { EtcdLayoutName, EtcdLayoutOptions } from './layouts/index.js';
export type { EtcdResolverOptions } from './resolver-options.js';
