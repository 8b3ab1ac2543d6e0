import { createMesh, type EndpointSpec, type FairleadError, type Resolver, staticResolver } from 'fairlead';
import { createFairleadTransport } from 'fairlead/connect';
import { registerGrpc } from 'fairlead/grpc';
import { KeyRing, RendezvousTable } from 'fairlead/hashing';
import { createPool } from 'fairlead/mysql';
import { ShardedRedis } from 'fairlead/redis';
import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { readChannelServiceConfig } from '../adapters/grpc/config/service-config.js';
import { testMesh } from './support/mesh.js';

function refusal(run: () => unknown): FairleadError {
  try {
    run();
  } catch (error) {
    return error as FairleadError;
  }
  return expect.unreachable('it should have been refused');
}

/** A registry that lists what nobody checked. */
function listing(...specs: Partial<EndpointSpec>[]) {
  const full = specs.map((spec, i) => ({ id: `e${i}`, host: '127.0.0.1', port: 1 + i, weight: 1, ...spec }));
  const complete = full.map((spec) => ({ priority: 0, zone: '', tags: [], meta: {}, ...spec })) as EndpointSpec[];
  const resolver: Resolver = { name: 'raw', watch: (_query, sink) => sink.snapshot(complete, '1') };
  return createMesh({ resolver, clock: new ManualClock() });
}

describe('weights', () => {
  const { names } = createMesh().policies;

  it.each(names)('that are extreme, but allowed, are served by %s', (policy) => {
    const list = [1e-6, 1e-6, 1e-6, 1, 65_535].map((weight, i) => ({ host: '127.0.0.1', port: 1 + i, weight }));
    const { mesh } = testMesh({ s: list });
    const probes = { probe: () => undefined };
    const service = mesh.service('s', { policy, probes, slowStart: { windowMs: 1_000, minWeightRatio: 0.001 } });
    for (let i = 0; i < 100; i++) service.acquire({ key: `${i}` })[Symbol.dispose]();
  });

  it('that are next to nothing are refused wherever they come from', () => {
    expect(refusal(() => staticResolver({ s: [{ host: 'a', port: 1, weight: 1e-310 }] })).message).toBe(
      'staticResolver.s[0].weight is 1e-310: allowed is a number from 0.000001 to 65535.',
    );
    const mesh = listing({ weight: 1e-310 }, {});
    const errors: string[] = [];
    const service = mesh.service('s', { policy: 'consistent_hash' });
    service.on('error', ({ message }) => errors.push(message));
    expect(service.endpoints.map(({ spec }) => spec.id)).toEqual(['e1']);
    for (const weight of [1e-310, 0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(refusal(() => new KeyRing().update([{ id: 'a', weight }])).code).toBe('FAIRLEAD_INVALID_OPTION');
      expect(refusal(() => new RendezvousTable(['a'], [weight])).code).toBe('FAIRLEAD_INVALID_OPTION');
    }
    const slowStart = { windowMs: 1_000, minWeightRatio: 1e-310 };
    expect(refusal(() => listing({}).service('s', { slowStart })).message).toMatch(/minWeightRatio is 1e-310/);
  });
});

describe('a key __proto__ in parsed options', () => {
  const options = (rest: object, hidden: object): never => {
    const json = JSON.stringify({ ...rest, HIDDEN: hidden }).replace('HIDDEN', '__proto__');
    return JSON.parse(json) as never;
  };
  const mesh = (): ReturnType<typeof createMesh> => createMesh({ resolver: staticResolver({ s: ['127.0.0.1:1'] }) });

  it.each<[string, () => unknown]>([
    ['of a mesh', () => createMesh(options({}, { defaults: { waitForReadyMs: 1 } }))],
    ['of its defaults', () => createMesh({ defaults: options({}, { waitForReadyMs: 1 }) })],
    ['of one of its services', () => createMesh({ services: { s: options({}, { waitForReadyMs: 1 }) } })],
    ['of a service', () => mesh().service('s', options({}, { policy: 'round_robin' }))],
    ['of its resilience', () => mesh().service('s', { resilience: options({}, { idempotent: true }) })],
    ['of its policy', () => mesh().service('s', { policy: { peak_ewma: options({}, { decayMs: 1 }) } })],
    [
      'of a subset',
      () =>
        mesh()
          .service('s')
          .subset(options({ usable: 0 }, { usable: () => true })),
    ],
    ['of a MySQL pool', () => createPool(mesh(), options({ service: 's', user: 'u' }, { password: 'x' }))],
    [
      'of a sharded Redis',
      () => new ShardedRedis(mesh(), options({ service: 's', lazyConnect: true }, { password: 'x' })),
    ],
    [
      'of a connect transport',
      () => createFairleadTransport(mesh(), options({ service: 's' }, { defaultTimeoutMs: 1 })),
    ],
    ['of gRPC', () => registerGrpc(mesh(), options({ scheme: 'proto' }, { defaults: {} }))],
  ])('is refused: options %s', (_, run) => {
    const error = refusal(run);
    expect(error.code).toBe('FAIRLEAD_INVALID_OPTION');
    expect(error.message).toMatch(/__proto__|usable/);
  });

  it('of a call rejects it', async () => {
    const call = mesh()
      .service('s')
      .call(() => 1, options({}, { idempotent: true }));
    await expect(call).rejects.toThrow(/call\.__proto__ is not an option/);
  });

  it('leaves all objects as they were', () => {
    expect(({} as { policy?: unknown }).policy).toBeUndefined();
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});

describe('the service config of a channel', () => {
  it.each<[string, RegExp]>([
    ['{"loadBalancingConfig":0}', /loadBalancingConfig is 0: allowed is an array of objects/],
    ['{"loadBalancingConfig":"round_robin"}', /loadBalancingConfig is a text of 11 characters/],
    ['{"loadBalancingConfig":{}}', /loadBalancingConfig is an object/],
    ['{"loadBalancingConfig":[null]}', /loadBalancingConfig is an array/],
    ['{"loadBalancingConfig":[[]]}', /loadBalancingConfig is an array/],
    ['{"loadBalancingConfig":[{"__proto__":{}}]}', /loadBalancingConfig is "__proto__"/],
    ['{"loadBalancingPolicy":5}', /loadBalancingPolicy is 5/],
    ['{"loadBalancingPolicy":"__proto__"}', /loadBalancingConfig is "__proto__"/],
    ['{"__proto__":{"methodConfig":[]}}', /__proto__ is not an option/],
    ['7', /grpc\.service_config is 7: allowed is a JSON object/],
    ['[]', /grpc\.service_config is an array/],
    ['"x"', /grpc\.service_config is "x"/],
  ])('%s is refused by a typed error', (json, message) => {
    const error = refusal(() => readChannelServiceConfig(json, createMesh().policies));
    expect([error.code, error.message]).toEqual(['FAIRLEAD_INVALID_OPTION', expect.stringMatching(message)]);
  });

  it('null and nothing are none', () => {
    for (const json of ['null', '{}', '{"loadBalancingConfig":null}', '{"loadBalancingPolicy":null}']) {
      expect(readChannelServiceConfig(json, createMesh().policies).balancing).toBeUndefined();
    }
  });
});

describe('text from a registry', () => {
  const hostile = 'e\n2026-01-01 ERROR all is lost\u001b[31m\u202e';

  it('stands in messages on one line, visible', async () => {
    const mesh = listing({ id: hostile }, { id: hostile, port: 9 }, { id: 'x'.repeat(100_000), port: 0 });
    const service = mesh.service('s');
    const errors: Error[] = [];
    service.on('error', (error) => errors.push(error));
    const failed = service.call(() => new Promise(() => undefined), { deadlineMs: 0 });
    await expect(failed).rejects.toThrow();
    const hung = mesh.service('t').call(({ spec }) => Promise.reject(new Error(spec.id)));
    await hung.catch(() => undefined);
    const late = service.call(() => new Promise(() => undefined), { deadlineMs: 5 });
    (mesh.clock as ManualClock).advance(5);
    errors.push((await late.catch((error: unknown) => error)) as Error);
    expect(errors.length).toBeGreaterThan(0);
    for (const { message } of errors) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
      expect(message).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/);
      expect(message.length).toBeLessThan(5_000);
    }
    expect(errors.at(-1)!.message).toContain("endpoint 'e\\u000a2026-01-01 ERROR");
  });
});
