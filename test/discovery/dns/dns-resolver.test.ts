import { createMesh, type EndpointSpec, type ServiceOptions } from 'fairlead';
import { dnsResolver } from 'fairlead/dns';
import { ManualClock, seededRandom } from 'fairlead/testing';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { PerClock } from '../../../src/discovery/context.js';
import { DnsResolver } from '../../../src/discovery/dns/dns-resolver.js';
import { NoSuchName, type SrvRecord } from '../../../src/discovery/dns/lookups.js';
import { readName } from '../../../src/discovery/dns/read-name.js';
import { SharedWatches } from '../../../src/discovery/shared-watches.js';
import { addresses, ScriptedDns } from '../../support/scripted-dns.js';

const dead = new Error('A: ETIMEOUT');

function world(discovery: ServiceOptions['discovery'] = {}, refreshMs?: number) {
  const dns = new ScriptedDns();
  const context = { clock: new ManualClock(1_000), random: seededRandom(3) };
  const guard = { maxShrinkRatio: 0.5, confirmMs: 5_000, graceMs: 10_000 };
  const options = { ...guard, minRefreshMs: 1_000, maxRefreshMs: 60_000, refreshMs };
  const zones = new PerClock({ clock: undefined, random: undefined }, (given) => ({
    context: { ...given, lookups: dns, options },
    watches: new SharedWatches(),
  }));
  const mesh = createMesh({ resolver: new DnsResolver({ records: 'a', port: 80 }, zones as never), ...context });
  onTestFinished(() => mesh.close());
  const errors: string[] = [];
  const start = () => {
    const service = mesh.service('users.test', { discovery });
    service.on('error', ({ message }) => errors.push(message));
    return service;
  };
  const pass = (ms: number): Promise<void> => context.clock.advanceAsync(ms);
  return { dns, mesh, start, pass, errors, context };
}

const idsOf = ({ endpoints }: { endpoints: readonly { spec: EndpointSpec }[] }): string =>
  endpoints.map(({ spec }) => spec.id).join();

describe('a name in DNS', () => {
  it('is asked for by its TTL, whether or not calls fail, and not in step with others', async () => {
    const { dns, start, pass } = world();
    dns.a4['users.test'] = addresses(10, '10.0.0.1');
    const service = start();
    await pass(0);
    expect(idsOf(service)).toBe('10.0.0.1:80');
    dns.a4['users.test'] = addresses(10, '10.0.0.2', '10.0.0.1');
    await pass(8_900);
    expect(dns.asked).toHaveLength(1);
    await pass(1_200);
    expect(idsOf(service)).toBe('10.0.0.1:80,10.0.0.2:80');
    await pass(100_000);
    expect(dns.asked.length).toBeGreaterThanOrEqual(11);
    expect(dns.asked.length).toBeLessThanOrEqual(14);
  });

  it('is asked for at most once a second, whatever its TTL says, and at least once a minute', async () => {
    const { dns, start, pass } = world();
    dns.a4['users.test'] = addresses(0, '10.0.0.1');
    start();
    await pass(10_000);
    expect(dns.asked.length).toBeLessThanOrEqual(11);
    dns.a4['users.test'] = addresses(86_400, '10.0.0.1');
    await pass(2_000);
    const before = dns.asked.length;
    await pass(600_000);
    expect(dns.asked.length - before).toBeGreaterThanOrEqual(10);
  });

  it('is one list in whatever order its addresses come', async () => {
    const { dns, start, pass } = world();
    dns.a4['users.test'] = addresses(1, '10.0.0.1', '10.0.0.2', '10.0.0.3');
    const service = start();
    await pass(0);
    const { version } = service.discovery;
    let changes = 0;
    service.on('endpoints', () => changes++);
    for (const order of [
      ['10.0.0.3', '10.0.0.1', '10.0.0.2'],
      ['10.0.0.2', '10.0.0.3', '10.0.0.1'],
    ]) {
      dns.a4['users.test'] = addresses(1, ...order);
      await pass(1_500);
    }
    expect([changes, service.discovery.version]).toEqual([0, version]);
    expect(service.discovery.ageMs).toBeLessThanOrEqual(1_000);
  });

  it('keeps its list through failures, says so, and asks ever more seldom', async () => {
    const { dns, start, pass, errors } = world();
    dns.a4['users.test'] = addresses(1, '10.0.0.1');
    const service = start();
    await pass(0);
    dns.a4['users.test'] = dead;
    await pass(3_600_000);
    expect(idsOf(service)).toBe('10.0.0.1:80');
    expect(errors[0]).toBe("DNS, service 'users.test': A: ETIMEOUT.");
    expect(service.discovery.ageMs).toBeGreaterThan(3_500_000);
    expect(dns.asked.length).toBeLessThan(300);
  });

  it('that is gone is believed to be gone when it is still gone a while later', async () => {
    const { dns, start, pass, errors } = world();
    dns.a4['users.test'] = addresses(1, '10.0.0.1', '10.0.0.2');
    const service = start();
    await pass(0);
    delete dns.a4['users.test'];
    await pass(4_000);
    expect(idsOf(service)).toBe('10.0.0.1:80,10.0.0.2:80');
    expect(errors.join()).toContain('only 0 addresses are left: 2 are kept');
    dns.a4['users.test'] = addresses(1, '10.0.0.1', '10.0.0.2');
    await pass(5_000);
    delete dns.a4['users.test'];
    await pass(8_000);
    expect(idsOf(service)).toBe('');
    dns.a4['users.test'] = addresses(1, '10.0.0.3');
    await pass(6_000);
    expect(idsOf(service)).toBe('10.0.0.3:80');
  });

  it('that was never there is unlisted, and is found when it comes', async () => {
    const { dns, start, pass, errors } = world();
    const service = start();
    await pass(0);
    expect(() => service.acquire()).toThrow(/no endpoint/i);
    expect(errors[0]).toContain('there is no A users.test. Look at its spelling');
    dns.a4['users.test'] = addresses(1, '10.0.0.1');
    await pass(6_000);
    expect(idsOf(service)).toBe('10.0.0.1:80');
  });

  it('may have addresses of one kind only where both are asked for', async () => {
    const { dns, start, pass } = world({ records: 'both' });
    dns.a6['users.test'] = addresses(1, '::1');
    const service = start();
    await pass(0);
    expect(idsOf(service)).toBe('[::1]:80');
    dns.a4['users.test'] = addresses(1, '10.0.0.1');
    await pass(1_500);
    expect(idsOf(service)).toBe('10.0.0.1:80,[::1]:80');
    // No answer is not the answer that there is none.
    dns.a6['users.test'] = dead;
    await pass(30_000);
    expect(idsOf(service)).toBe('10.0.0.1:80,[::1]:80');
  });

  it('has the addresses of the kind that is answered where no question of the other kind ever is', async () => {
    const { dns, start, pass, errors } = world({ records: 'both' });
    dns.a4['users.test'] = addresses(1, '10.0.0.1');
    dns.a6['users.test'] = dead;
    const service = start();
    await pass(0);
    expect([idsOf(service), service.discovery.ageMs]).toEqual(['10.0.0.1:80', 0]);
    dns.a4['users.test'] = addresses(1, '10.0.0.1', '10.0.0.2');
    await pass(30_000);
    expect(idsOf(service)).toBe('10.0.0.1:80,10.0.0.2:80');
    expect(service.discovery.ageMs).toBeLessThanOrEqual(1_000);
    // Said, and not with each answer.
    expect(new Set(errors)).toEqual(new Set(["DNS, service 'users.test': A: ETIMEOUT."]));
    expect(errors.length).toBeLessThanOrEqual(4);
  });

  it('that is another name without an address is a name without one', async () => {
    const { dns, start, pass, errors } = world();
    dns.a4['users.test'] = [];
    const service = start();
    await pass(0);
    expect(errors[0]).toContain("'users.test' has no A record");
    dns.a4['users.test'] = addresses(1, '10.0.0.1');
    await pass(6_000);
    expect(idsOf(service)).toBe('10.0.0.1:80');
  });

  it('that is an address is that address, and nothing is asked', async () => {
    const { dns, mesh, pass } = world();
    const service = mesh.service('127.0.0.9');
    await pass(60_000);
    expect([idsOf(service), dns.asked]).toEqual(['127.0.0.9:80', []]);
  });
});

describe('service records', () => {
  const record = (name: string, port: number, weight = 0, priority = 0): SrvRecord => ({
    name,
    port,
    weight,
    priority,
  });

  it('become endpoints at the addresses of their targets, with port, weight and priority', async () => {
    const { dns, start, pass } = world({ records: 'srv' });
    dns.services['users.test'] = [
      record('a.test', 5_001, 10, 20),
      record('b.test', 5_002, 0, 20),
      record('c.test', 5_003, 5, 70),
    ];
    dns.a4['a.test'] = addresses(5, '10.0.0.1', '10.0.0.2');
    dns.a4['b.test'] = addresses(5, '10.0.0.3');
    dns.a6['c.test'] = addresses(5, '::3');
    const service = start();
    await pass(0);
    expect(service.endpoints.map(({ spec }) => [spec.id, spec.weight, spec.priority, spec.meta.target])).toEqual([
      ['10.0.0.1:5001', 5, 0, 'a.test'],
      ['10.0.0.2:5001', 5, 0, 'a.test'],
      ['10.0.0.3:5002', 0.01, 0, 'b.test'],
      ['[::3]:5003', 5, 1, 'c.test'],
    ]);
  });

  it('are asked for by the TTL of the targets, or as often as the option says', async () => {
    for (const [refreshMs, most, least] of [
      [undefined, 7, 5],
      [20_000, 4, 3],
    ] as const) {
      const { dns, start, pass } = world({ records: 'srv' }, refreshMs);
      dns.services['users.test'] = [record('a.test', 5_001)];
      dns.a4['a.test'] = addresses(10, '10.0.0.1');
      start();
      await pass(55_000);
      const asked = dns.asked.filter((each) => each === 'SRV users.test').length;
      expect(asked).toBeLessThanOrEqual(most);
      expect(asked).toBeGreaterThanOrEqual(least);
    }
  });

  it("with the target '.' say that there is no such service", async () => {
    const { dns, start, pass, errors } = world({ records: 'srv' });
    dns.services['users.test'] = [record('', 1)];
    const service = start();
    await pass(0);
    expect(service.endpoints).toEqual([]);
    expect(errors[0]).toContain('says that this service is not offered');
  });

  it('keep the addresses of a target that gives no answer, and drop those of one that does not exist', async () => {
    const { dns, start, pass, errors } = world({ records: 'srv' });
    dns.services['users.test'] = ['a', 'b', 'c', 'd'].map((name, at) => record(`${name}.test`, 5_001 + at));
    for (const [at, name] of ['a', 'b', 'c', 'd'].entries()) dns.a4[`${name}.test`] = addresses(1, `10.0.0.${at + 1}`);
    const service = start();
    await pass(0);
    dns.a4['a.test'] = dead;
    delete dns.a4['b.test'];
    await pass(2_000);
    expect(idsOf(service)).toBe('10.0.0.1:5001,10.0.0.3:5003,10.0.0.4:5004');
    expect(errors.join()).toContain('A: ETIMEOUT');
  });

  it('are of use where questions for IPv6 addresses of their targets get no answer', async () => {
    const { dns, start, pass, errors } = world({ records: 'srv' });
    dns.services['users.test'] = [record('a.test', 5_001), record('b.test', 5_002)];
    for (const name of ['a.test', 'b.test']) {
      dns.a4[name] = addresses(1, name === 'a.test' ? '10.0.0.1' : '10.0.0.2');
      dns.a6[name] = dead;
    }
    const service = start();
    await pass(0);
    expect(idsOf(service)).toBe('10.0.0.1:5001,10.0.0.2:5002');
    expect(errors[0]).toContain('A: ETIMEOUT');
  });

  it('none of whose targets has an address are no instances yet, and are asked for again soon', async () => {
    const { dns, start, pass, errors } = world({ records: 'srv' });
    dns.services['users.test'] = [record('a.test', 5_001)];
    const service = start();
    await pass(0);
    expect(errors[0]).toContain("no target of 'users.test' has an address");
    dns.a4['a.test'] = addresses(1, '10.0.0.1');
    await pass(6_000);
    expect(idsOf(service)).toBe('10.0.0.1:5001');
  });

  it('are endpoints that a service takes, whatever DNS says', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            name: fc.constantFrom('a.test', 'b.test', '', '.'),
            port: fc.integer({ min: 0, max: 65_535 }),
            priority: fc.integer({ min: 0, max: 65_535 }),
            weight: fc.integer({ min: 0, max: 65_535 }),
          }),
          { maxLength: 300 },
        ),
        async (records) => {
          const dns = new ScriptedDns();
          dns.services['users.test'] = records;
          dns.a4['a.test'] = addresses(1, '10.0.0.1', '10.0.0.2');
          const query = { key: '', service: 's', name: 'users.test', records: 'srv', port: 0 } as const;
          const answer = await readName(query, dns, new Map()).catch((thrown: unknown) => {
            expect(thrown).toBeInstanceOf(NoSuchName);
            return undefined;
          });
          for (const { port, weight, priority } of answer?.endpoints ?? []) {
            expect(port).toBeGreaterThanOrEqual(1);
            expect(weight).toBeGreaterThan(0);
            expect(priority).toBeLessThanOrEqual(127);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('dnsResolver', () => {
  it.each([
    [{ servers: ['dns.example'] }, /dnsResolver\.servers/],
    [{ servers: [] }, /dnsResolver\.servers/],
    [{ records: 'mx' }, /dnsResolver\.records is "mx": allowed is one of a, aaaa, both, srv/],
    [
      { minRefreshMs: 5_000, maxRefreshMs: 2_000 },
      /dnsResolver\.minRefreshMs is 5000: allowed is at most maxRefreshMs \(minRefreshMs is 5000, maxRefreshMs 2000\)/,
    ],
    [{ minRefreshMs: 61_000 }, /minRefreshMs is 61000: .* maxRefreshMs 60000/],
    [{ refreshMs: 300_000 }, /refreshMs is 300000: allowed is from minRefreshMs to maxRefreshMs .*60000/],
    [{ refreshMs: 1_000, minRefreshMs: 2_000 }, /refreshMs is 1000: allowed is from minRefreshMs/],
    [{ misspelt: 1 }, /dnsResolver\.misspelt is not an option/],
  ])('refuses %j', (options, message) => {
    expect(() => dnsResolver(options as object)).toThrow(message);
  });

  it('refuses a service without a port, and a name that is none, when the service is made', () => {
    const mesh = createMesh({ resolver: dnsResolver() });
    expect(() => mesh.service('users.test')).toThrow(/discovery\.port is undefined: allowed is a port/);
    expect(() => mesh.service('x', { discovery: { port: 1, name: 'a b' } })).toThrow(/a DNS name of letters/);
    expect(() => mesh.service('x', { discovery: { records: 'srv', name: '10.0.0.1' } })).toThrow(/a name, where/);
  });
});
