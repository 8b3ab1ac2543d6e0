/** Real servers for the integration tests: `await using consul = await startConsul()`. */
export { NoServersHere } from './backend.js';
export { type Certificates, makeCertificates } from './certificates.js';
export { startChromium } from './chromium.js';
export {
  Consul,
  type ConsulCluster,
  type ConsulOptions,
  type ConsulTls,
  startConsul,
  startConsulCluster,
} from './consul.js';
export { Dnsmasq, type DnsRecords, startDnsmasq } from './dnsmasq.js';
export { Etcd, type EtcdCluster, type EtcdVersion, startEtcd, startEtcdCluster } from './etcd.js';
export { type Fault, heal, inflict, ON_THE_WAY } from './faults.js';
export { Mariadb, startMariadb } from './mariadb.js';
export { Mysql, type SqlOptions, startMysql } from './mysql.js';
export { type PeerProxy, startHaproxy, startNginx } from './peer-proxies.js';
export { freePort, freePorts } from './ports.js';
export { Prometheus, type PrometheusMajor, promtool, startPrometheus } from './prometheus.js';
export { Redis, type RedisClusterHandle, type RedisOptions, startRedis, startRedisCluster } from './redis.js';
export { Relay } from './relay.js';
export type { Server } from './server.js';
export { SQL_USERS, SqlServer, SqlTopology } from './sql-server.js';
export { until } from './until.js';
