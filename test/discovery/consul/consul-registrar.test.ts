import { describe, expect, it } from 'vitest';
import { bench, TOKEN } from '../../support/registrar-bench.js';
import { until } from '../../support/until.js';

describe('consulRegistrar', () => {
  it('sends weights, tagged addresses, tags, metadata, zone and every kind of check', async () => {
    const { register, known } = await bench();
    await register({
      host: '10.0.0.1',
      weight: 7,
      warningWeight: 2,
      zone: 'z1',
      tags: ['v2'],
      meta: { owner: 'me' },
      taggedAddresses: { wan: { host: '198.51.100.1', port: 80 }, lan_ipv6: { host: 'fd00::1' } },
      enableTagOverride: true,
      checks: [
        { type: 'ttl', ttlMs: 6_000, deregisterAfterMs: 60_000 },
        { type: 'http', url: 'http://10.0.0.1/health', intervalMs: 5_000, headers: { 'x-a': 'b' }, method: 'HEAD' },
        { type: 'tcp', address: '10.0.0.1:5001', timeoutMs: 500, initialStatus: 'passing' },
        { type: 'grpc', address: '10.0.0.1:5001/users', tls: true, skipVerify: true, name: 'health' },
      ],
    });
    expect(known.get('u1')).toEqual({
      ID: 'u1',
      Name: 'users',
      Address: '10.0.0.1',
      Port: 5_001,
      Tags: ['v2'],
      Meta: { zone: 'z1', owner: 'me' },
      Weights: { Passing: 7, Warning: 2 },
      TaggedAddresses: { wan: { Address: '198.51.100.1', Port: 80 }, lan_ipv6: { Address: 'fd00::1', Port: 0 } },
      EnableTagOverride: true,
      Checks: [
        {
          ...{ CheckID: 'service:u1:1', Name: 'service:u1:1', TTL: '6000ms', Status: 'passing' },
          DeregisterCriticalServiceAfter: '60000ms',
        },
        {
          ...{ CheckID: 'service:u1:2', Name: 'service:u1:2', Interval: '5000ms', Timeout: '10000ms' },
          ...{ HTTP: 'http://10.0.0.1/health', Method: 'HEAD', Header: { 'x-a': ['b'] } },
        },
        {
          ...{ CheckID: 'service:u1:3', Name: 'service:u1:3', Interval: '10000ms', Timeout: '500ms' },
          ...{ TCP: '10.0.0.1:5001', Status: 'passing' },
        },
        {
          ...{ CheckID: 'service:u1:4', Name: 'health', Interval: '10000ms', Timeout: '10000ms' },
          ...{ GRPC: '10.0.0.1:5001/users', GRPCUseTLS: true, TLSSkipVerify: true },
        },
      ],
    });
  });

  it('sends a heartbeat three times within each TTL, with what was reported', async () => {
    const { consul, register, seen, clock } = await bench();
    const registration = await register({ checks: [{ type: 'ttl', ttlMs: 3_000 }] });
    for (let beat = 1; beat <= 3; beat++) {
      await clock.advanceAsync(1_000);
      await consul.quiet();
      expect(seen('/check/update/')).toHaveLength(beat);
    }
    expect(JSON.parse(seen('/check/update/')[0]!.body)).toEqual({ Status: 'passing', Output: '' });
    await registration.report('warning', 'disk is nearly full');
    expect(JSON.parse(seen('/check/update/')[3]!.body)).toEqual({ Status: 'warning', Output: 'disk is nearly full' });
  });

  it.each([
    ['with a TTL', undefined],
    ['without one', []],
  ])('registers again when the agent forgot it, %s', async (_what, checks) => {
    const { register, known, health, clock } = await bench();
    const registration = await register(checks === undefined ? {} : { checks });
    const statuses: string[] = [];
    registration.on('status', (status) => statuses.push(status));
    known.clear();
    health.clear();
    await clock.advanceAsync(5_000);
    await until(() => known.has('u1') && registration.status === 'registered');
    expect(statuses).toEqual(['lost', 'registered']);
  });

  it('goes on while the agent is away, and registers again when it is back', async () => {
    const { consul, register, known, health, clock } = await bench();
    const registration = await register();
    const errors: Error[] = [];
    registration.on('error', (error) => errors.push(error));
    await consul.down();
    known.clear();
    health.clear();
    for (let i = 0; i < 20; i++) {
      await clock.advanceAsync(1_000);
      await consul.quiet();
    }
    expect(registration.status).toBe('lost');
    expect(errors.length).toBeGreaterThan(3);
    expect(errors[0]).toMatchObject({ code: 'FAIRLEAD_REGISTRATION', service: 'users', endpoint: 'u1' });
    await consul.up();
    for (let i = 0; i < 10 && registration.status === 'lost'; i++) {
      await clock.advanceAsync(500);
      await consul.quiet();
    }
    expect(registration.status).toBe('registered');
    expect(known.has('u1')).toBe(true);
  });

  it('deregisters when it is closed, and never registers again after that', async () => {
    const { consul, register, registrar, known, clock, seen } = await bench();
    const first = await register();
    await register({ id: 'u2' });
    await first.deregister();
    expect([...known.keys()]).toEqual(['u2']);
    expect(first.status).toBe('deregistered');
    await registrar.close();
    expect(known.size).toBe(0);
    const before = seen('/').length;
    await clock.advanceAsync(60_000);
    await consul.quiet();
    expect(seen('/').length).toBe(before);
    expect(clock.pending).toBe(0);
    await expect(register()).rejects.toMatchObject({ code: 'FAIRLEAD_CLOSED' });
  });

  it('refuses an id that it has already', async () => {
    const { register } = await bench();
    await register();
    await expect(register()).rejects.toMatchObject({ code: 'FAIRLEAD_CONFLICT' });
  });

  it('says why Consul refused, without the token', async () => {
    const { consul, register } = await bench();
    consul.script = (_request, response) => {
      response.writeHead(403).end(`Permission denied for ${TOKEN}`);
      return true;
    };
    const error = await register().catch((thrown: unknown) => thrown as Error);
    expect(error).toMatchObject({ code: 'FAIRLEAD_REGISTRATION' });
    expect(String(error)).toMatch(/did not register 'u1' \(403: Permission denied for \[secret\]\).*service:write/);
  });

  it.each<[Record<string, unknown>, RegExp]>([
    [{ port: 0 }, /port is 0/],
    [{ weight: 0 }, /weight is 0: allowed is a whole number from 1 to 65535/],
    [{ checks: [{ type: 'udp' }] }, /checks\[0\]\.type is "udp": allowed is one of ttl, http, tcp, grpc/],
    [{ checks: [{ type: 'http' }] }, /checks\[0\]\.url is undefined/],
    [{ checks: [{ type: 'ttl', deregisterAfterMs: 1_000 }] }, /deregisterAfterMs is 1000: allowed is .* from 60000/],
    [{ taggedAddresses: { wan: 'x' } }, /taggedAddresses\.wan is "x"/],
  ])('refuses %j', async (instance, message) => {
    const { register } = await bench();
    await expect(register(instance as never)).rejects.toThrow(message);
  });
});
