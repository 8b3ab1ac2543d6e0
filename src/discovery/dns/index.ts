export { type DnsQueryOptions, type DnsResolverOptions, dnsResolver } from './dns-resolver.js';
