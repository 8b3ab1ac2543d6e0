import { createServer } from 'node:net';
import { consulRegistrar } from 'fairlead/consul';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Consul, startConsul } from '../harness/index.js';
import { clientOf, took } from './world.js';

const registrarAt = (consul: Consul) => {
  const registrar = consulRegistrar({
    address: consul.url,
    ...(consul.token === undefined ? {} : { token: consul.token }),
    env: {},
    verifyIntervalMs: 300,
  });
  onTestFinished(() => registrar.close().catch(() => {}));
  return registrar;
};

describe('the Consul registrar at a real agent', () => {
  it('registers what the resolver then tells: weights, zone, tags, metadata, tagged addresses', async () => {
    await using consul = await startConsul({ acl: true });
    const registrar = registrarAt(consul);
    await registrar.register({
      ...{ service: 'users', id: 'u1', host: '127.0.0.1', port: 5_001, weight: 7, warningWeight: 2, zone: 'z1' },
      ...{ tags: ['v2'], meta: { owner: 'me' }, enableTagOverride: true },
      taggedAddresses: { other: { host: '127.0.0.9', port: 5_009 } },
    });
    const { lists, service, mesh } = clientOf(consul);
    await lists('u1');
    expect(service.endpoints[0]!.spec).toMatchObject({
      ...{ host: '127.0.0.1', port: 5_001, weight: 7, zone: 'z1', tags: ['v2'], meta: { owner: 'me', zone: 'z1' } },
    });
    const other = mesh.service('other', { discovery: { name: 'users', addressTag: 'other' } });
    await other.ready();
    expect(other.endpoints[0]!.spec).toMatchObject({ host: '127.0.0.9', port: 5_009 });
    const [listed] = await consul.api<{ ServiceEnableTagOverride: boolean }[]>('GET', '/v1/catalog/service/users');
    expect(listed!.ServiceEnableTagOverride).toBe(true);
  });

  it('keeps a TTL check passing, says what is reported, and is gone when closed', async () => {
    await using consul = await startConsul();
    const registrar = registrarAt(consul);
    const registration = await registrar.register({
      ...{ service: 'users', id: 'u1', host: '127.0.0.1', port: 5_001, warningWeight: 3 },
      checks: [{ type: 'ttl', ttlMs: 1_000 }],
    });
    const { lists, service, ids } = clientOf(consul);
    await lists('u1');
    let gone = false;
    service.on('endpoints', () => {
      gone ||= ids().length === 0;
    });
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(gone).toBe(false);
    await registration.report('warning', 'tired');
    await took(
      () => service.endpoints[0]?.spec.weight === 3,
      () => 'warning weight',
    );
    await registrar.close();
    await lists();
    expect(await consul.api('GET', '/v1/agent/services')).toEqual({});
  });

  it('has its TCP, HTTP and gRPC checks run by the agent', async () => {
    await using consul = await startConsul();
    await using server = createServer((socket) => socket.on('error', () => {}).destroy());
    await new Promise<void>((resolve) => server.listen(0, resolve));
    const { port } = server.address() as { port: number };
    const address = `${consul.hostSeenByAgent}:${port}`;
    const registrar = registrarAt(consul);
    const common = { service: 'users', host: '127.0.0.1', port };
    await registrar.register({ ...common, id: 'tcp', checks: [{ type: 'tcp', address, intervalMs: 200 }] });
    const http = { type: 'http', url: `${consul.url}/v1/status/leader`, intervalMs: 200 } as const;
    await registrar.register({ ...common, id: 'http', checks: [http] });
    const grpc = { type: 'grpc', address, intervalMs: 200, timeoutMs: 200 } as const;
    await registrar.register({ ...common, id: 'grpc', checks: [grpc] });
    // Nobody speaks gRPC there, so that one stays critical.
    await clientOf(consul).lists('http', 'tcp');
    const checks = await consul.api<Record<string, { Type?: string }>>('GET', '/v1/agent/checks');
    expect(
      Object.values(checks)
        .map((check) => check.Type)
        .sort(),
    ).toEqual(['grpc', 'http', 'tcp']);
  });

  it('registers again with an agent that was killed and forgot everything', async () => {
    await using consul = await startConsul();
    const registrar = registrarAt(consul);
    const registration = await registrar.register({ service: 'users', id: 'u1', host: '127.0.0.1', port: 5_001 });
    const statuses: string[] = [];
    registration.on('status', (status) => statuses.push(status));
    const { lists, picks, service } = clientOf(consul);
    await lists('u1');
    await consul.kill();
    await took(
      () => registration.status === 'lost',
      () => 'lost registration',
    );
    picks('u1');
    await consul.restart();
    await took(
      () => registration.status === 'registered',
      () => 'new registration',
      5_000,
    );
    await took(
      () => service.discovery.error === undefined,
      () => 'confirmed list',
      5_000,
    );
    picks('u1');
    expect(statuses).toEqual(['lost', 'registered']);
  });
});
