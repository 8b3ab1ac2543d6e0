import { createMesh, type Service, type ServiceOptions } from 'fairlead';
import { type DnsResolverOptions, dnsResolver } from 'fairlead/dns';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startConsul, startDnsmasq, until } from '../harness/index.js';

const QUICK = { confirmMs: 500, graceMs: 500, timeoutMs: 500, tries: 1, port: 5_001 };

function clientOf(server: { readonly address: string }, options: DnsResolverOptions, service: ServiceOptions) {
  const mesh = createMesh({ resolver: dnsResolver({ servers: [server.address], ...QUICK, ...options }) });
  onTestFinished(() => mesh.close());
  const users = mesh.service('users.test', service);
  const errors: Error[] = [];
  users.on('error', (error) => errors.push(error));
  const ids = (of: Service = users): string => of.endpoints.map(({ spec }) => spec.id).join();
  return { mesh, users, errors, ids };
}

describe('the DNS resolver at dnsmasq', () => {
  it('follows addresses by their TTL, one kind and both', async () => {
    await using dns = await startDnsmasq({ hosts: { 'users.test': ['127.0.0.1', '127.0.0.2', '::1'] } });
    const { ids, mesh } = clientOf(dns, {}, {});
    const both = mesh.service('both', { discovery: { name: 'users.test', records: 'both' } });
    await until('two', () => ids() === '127.0.0.1:5001,127.0.0.2:5001');
    await until('three', () => ids(both) === '127.0.0.1:5001,127.0.0.2:5001,[::1]:5001');
    await dns.set({ hosts: { 'users.test': ['127.0.0.2', '127.0.0.3', '::1'] } });
    await until('the others', () => ids() === '127.0.0.2:5001,127.0.0.3:5001');
  });

  it('keeps its list while the server is down or stands still, and says so', async () => {
    await using dns = await startDnsmasq({ hosts: { 'users.test': ['127.0.0.1'] } });
    const { ids, errors, users } = clientOf(dns, {}, {});
    await until('one', () => ids() === '127.0.0.1:5001');
    await dns.pause();
    await until('an error', () => errors.some(({ message }) => /ETIMEOUT|no answer/.test(message)));
    expect(ids()).toBe('127.0.0.1:5001');
    await dns.resume();
    await until('it is well', () => users.discovery.error === undefined);
    errors.length = 0;
    await dns.kill();
    await until('an error', () => errors.length > 0);
    expect(ids()).toBe('127.0.0.1:5001');
    await dns.set({ hosts: { 'users.test': ['127.0.0.2'] } });
    await dns.restart();
    await until('the other', () => ids() === '127.0.0.2:5001');
  });

  it('confirms that a name is gone before it empties the list', async () => {
    await using dns = await startDnsmasq({ hosts: { 'users.test': ['127.0.0.1', '127.0.0.2'] } });
    const { ids, errors } = clientOf(dns, {}, {});
    await until('two', () => ids() === '127.0.0.1:5001,127.0.0.2:5001');
    await dns.set({ hosts: {} });
    await until('a doubt', () => errors.some(({ message }) => /2 are kept/.test(message)));
    await until('none', () => ids() === '');
  });

  it('asks once for a name that many services have', async () => {
    await using dns = await startDnsmasq({ hosts: { 'users.test': ['127.0.0.1'] }, ttl: 600 });
    const { mesh } = clientOf(dns, {}, {});
    const services = [1, 2, 3, 4, 5].map((port) =>
      mesh.service(`s${port}`, { discovery: { name: 'users.test', port } }),
    );
    await until('all are listed', () => services.every(({ endpoints }) => endpoints.length === 1));
    expect(dns.log().match(/query\[A\] users\.test/g)).toHaveLength(1);
  });

  it('reads two hundred addresses, which no UDP answer holds', async () => {
    const many = Array.from({ length: 200 }, (_, at) => `127.0.1.${at + 1}`);
    await using dns = await startDnsmasq({ hosts: { 'users.test': many } });
    const { users } = clientOf(dns, {}, {});
    await until('all of them', () => users.endpoints.length === 200);
  });

  it('reads service records: ports, weights, priorities, and the one that says no', async () => {
    await using dns = await startDnsmasq({
      hosts: { 'a.test': ['127.0.0.1'], 'b.test': ['127.0.0.2'] },
      srv: ['users.test,a.test,5001,1,30', 'users.test,b.test,5002,2,10', 'none.test'],
    });
    const { users, mesh } = clientOf(dns, { records: 'srv' }, {});
    await until('two', () => users.endpoints.length === 2);
    expect(users.endpoints.map(({ spec }) => [spec.id, spec.weight, spec.priority])).toEqual([
      ['127.0.0.1:5001', 30, 0],
      ['127.0.0.2:5002', 10, 1],
    ]);
    const none = mesh.service('none.test');
    await until('it is refused', () => /not offered/.test(none.discovery.error?.message ?? ''));
    expect(none.endpoints).toEqual([]);
  });
});

describe("the DNS resolver at Consul's DNS", () => {
  it('finds what is registered and passing, by service records', async () => {
    await using consul = await startConsul();
    const { DebugConfig } = await consul.api<{ DebugConfig: { DNSPort: number } }>('GET', '/v1/agent/self');
    const address = `127.0.0.1:${DebugConfig.DNSPort}`;
    const weights = { Passing: 5, Warning: 1 };
    await consul.register({ Name: 'users', ID: 'a', Address: '127.0.0.1', Port: 5_001, Weights: weights });
    const { users, ids } = clientOf({ address }, { records: 'srv' }, { discovery: { name: 'users.service.consul' } });
    await until('one', () => ids() === '127.0.0.1:5001');
    expect(users.endpoints[0]!.spec.weight).toBe(5);
    await consul.register({ Name: 'users', ID: 'b', Address: '127.0.0.2', Port: 5_002 });
    await until('two', () => ids() === '127.0.0.1:5001,127.0.0.2:5002');
    await consul.deregister('a');
    await until('the other', () => ids() === '127.0.0.2:5002');
  });
});
