export type { EtcdConnectionOptions, EtcdTlsOptions } from './connection.js';
export { type EtcdResolverOptions, etcdResolver } from './etcd-resolver.js';
export type { EtcdLayout, EtcdWrittenInstance } from './layout.js';
export type { EtcdLayoutName, EtcdLayoutOptions } from './layouts/index.js';
