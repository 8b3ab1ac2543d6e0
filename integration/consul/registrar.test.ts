import { createServer } from 'node:net';
import { type ConsulRegistrarOptions, consulRegistrar } from 'fairlead/consul';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Consul, startConsul } from '../harness/index.js';
import { clientOf, took, wait } from './world.js';

const registrarAt = (consul: Consul, options: ConsulRegistrarOptions = {}) => {
  const registrar = consulRegistrar({
    address: consul.url,
    ...(consul.token === undefined ? {} : { token: consul.token }),
    env: {},
    verifyIntervalMs: 300,
    ...options,
  });
  onTestFinished(() => registrar.close({ deadlineMs: 100 }).catch(() => {}));
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

/** The ids that the agent lists, and the states of their checks. */
const listed = (consul: Consul) => consul.api<Record<string, { Port: number }>>('GET', '/v1/agent/services');
const states = async (consul: Consul): Promise<string[]> =>
  Object.values(await consul.api<Record<string, { Status: string }>>('GET', '/v1/agent/checks')).map((c) => c.Status);

describe('the Consul registrar, when things happen at the same time', () => {
  const u1 = { service: 'users', id: 'u1', host: '127.0.0.1', port: 5_001 };

  it('leaves nothing listed where it is closed while it registers with an agent that hangs', async () => {
    await using consul = await startConsul();
    const registrar = registrarAt(consul);
    await consul.pause();
    const registering = registrar.register(u1).catch((error: { code: string }) => error.code);
    await wait(100);
    const closing = registrar.close();
    await wait(500);
    await consul.resume();
    await closing;
    expect(await registering).toBe('FAIRLEAD_CLOSED');
    expect(await listed(consul)).toEqual({});
  });

  it('takes out what landed after register() had timed out', async () => {
    await using consul = await startConsul();
    const registrar = registrarAt(consul, { requestTimeoutMs: 300 });
    await consul.pause();
    await expect(registrar.register(u1)).rejects.toMatchObject({ code: 'FAIRLEAD_REGISTRATION' });
    await wait(700);
    await consul.resume();
    await wait(1_000);
    expect(await listed(consul)).toEqual({});
    await registrar.register(u1);
    await wait(1_000);
    expect(Object.keys(await listed(consul))).toEqual(['u1']);
  });

  it('deregisters although the agent was restarting, with its services on disk', async () => {
    await using consul = await startConsul({ persist: true });
    const registrar = registrarAt(consul);
    const registration = await registrar.register(u1);
    await consul.kill();
    const ending = registration.deregister();
    await wait(1_000);
    await consul.restart();
    await ending;
    expect(await listed(consul)).toEqual({});
  });

  it('keeps an instance that was registered right after its id was deregistered', async () => {
    await using consul = await startConsul();
    const registrar = registrarAt(consul, { requestTimeoutMs: 300 });
    for (let port = 5_001; port < 5_006; port++) {
      const registration = await registrar.register({ ...u1, port });
      await consul.pause();
      // Both may fail before they are awaited below.
      const ending = registration.deregister().catch(() => {});
      const next = registrar.register({ ...u1, port: port + 100 });
      next.catch(() => {});
      await wait(400);
      await consul.resume();
      // The agent was away for longer than a request may take: that failed, and left nothing
      // behind.
      const second = await next.catch(() => registrar.register({ ...u1, port: port + 100 }));
      await ending;
      await wait(500);
      expect((await listed(consul)).u1).toMatchObject({ Port: port + 100 });
      await second.deregister();
      expect(await listed(consul)).toEqual({});
    }
  });

  it('says critical again, as reported, to an agent that forgot everything', async () => {
    await using consul = await startConsul();
    const registrar = registrarAt(consul);
    const registration = await registrar.register(u1);
    await registration.report('critical', 'the disk is full');
    await consul.kill();
    await consul.restart();
    const seen = new Set<string>();
    const endMs = performance.now() + 2_500;
    while (performance.now() < endMs) {
      for (const state of await states(consul).catch(() => [])) seen.add(state);
      await wait(10);
    }
    expect([...seen]).toEqual(['critical']);
    expect(registration.status).toBe('registered');
  });

  it('changes weight, tags and metadata of an instance that stays', async () => {
    await using consul = await startConsul();
    const registration = await registrarAt(consul).register({ ...u1, weight: 2, meta: { owner: 'me' } });
    await registration.report('warning', 'warm');
    const { lists, service } = clientOf(consul, { passingOnly: false });
    await lists('u1');
    const [endpoint] = service.endpoints;
    await registration.update({ weight: 9, tags: ['v2'], meta: { owner: 'you' } });
    await took(
      () => endpoint!.spec.registeredWeight === 9,
      () => 'new weight',
    );
    expect(endpoint!.spec).toMatchObject({ weight: 1, tags: ['v2'], meta: { owner: 'you' } });
    expect(await states(consul)).toContain('warning');
  });

  it('notices another process that took its id, and does not fight for it', async () => {
    await using consul = await startConsul();
    const first = await registrarAt(consul).register(u1);
    const errors: Error[] = [];
    first.on('error', (error) => errors.push(error));
    const other = registrarAt(consul);
    await other.register({ ...u1, port: 6_001 });
    await took(
      () => first.status === 'replaced',
      () => 'notice',
    );
    expect(errors[0]).toMatchObject({ code: 'FAIRLEAD_CONFLICT' });
    await wait(1_000);
    expect((await listed(consul)).u1).toMatchObject({ Port: 6_001 });
    await first.deregister();
    expect((await listed(consul)).u1).toMatchObject({ Port: 6_001 });
  });
});
