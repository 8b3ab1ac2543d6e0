import { peakEwma, roundRobin } from 'fairlead';
import { PolicyRegistry } from 'fairlead/adapter';
import { describe, expect, it } from 'vitest';
import { REFUSED_STREAM } from '../../../../adapters/grpc/common/status.js';
import { MethodConfigs, throttlingOf } from '../../../../adapters/grpc/config/method-configs.js';
import { readGrpcOptions } from '../../../../adapters/grpc/config/options.js';
import {
  type GrpcMethodConfig,
  readChannelServiceConfig,
  readServiceConfig,
} from '../../../../adapters/grpc/config/service-config.js';

const read = (...methodConfig: object[]): ReturnType<typeof readServiceConfig> =>
  readServiceConfig({ methodConfig }, 'config');

const retryPolicy = {
  maxAttempts: 3,
  initialBackoff: '0.1s',
  maxBackoff: '1s',
  backoffMultiplier: 2,
  retryableStatusCodes: ['UNAVAILABLE', 'aborted', 4],
};

describe('a service config', () => {
  it('applies by the most specific name: method, service, all', () => {
    const configs = new MethodConfigs([
      read(
        { name: [{}], timeout: '3s' },
        { name: [{ service: 'a.B' }], timeout: '2s' },
        { name: [{ service: 'a.B', method: 'C' }], timeout: '1s' },
      ),
    ]);
    const seconds = (path: string): unknown => configs.get(path).config.timeout?.seconds;
    expect(['/a.B/C', '/a.B/D', '/a.X/C', '/a.B/C'].map(seconds)).toEqual([1, 2, 3, 1]);
  });

  it('is read to the nanosecond', () => {
    const timeout = (text: string): unknown =>
      new MethodConfigs([read({ name: [{}], timeout: text })]).get('/a/b').config.timeout;
    expect(timeout('0.5s')).toEqual({ seconds: 0, nanos: 500_000_000 });
    expect(timeout('12.000000001s')).toEqual({ seconds: 12, nanos: 1 });
    expect(timeout('7s')).toEqual({ seconds: 7, nanos: 0 });
  });

  it('of the channel comes first, field by field; what it does not say stays as in code', () => {
    const channel = read({ name: [{ service: 'a.B' }], timeout: '1s' });
    const code = read({ name: [{}], timeout: '9s', retryPolicy, waitForReady: true });
    const config = new MethodConfigs([channel, code]).get('/a.B/C').config;
    expect(config.timeout?.seconds).toBe(1);
    const retryableStatusCodes = [...retryPolicy.retryableStatusCodes, REFUSED_STREAM];
    expect(config.retryPolicy).toEqual({ ...retryPolicy, retryableStatusCodes });
    expect(config.waitForReady).toBe(true);
  });

  it('that hedges on the channel takes away the retries of code, and the other way round', () => {
    const hedges = read({ name: [{}], hedgingPolicy: { maxAttempts: 2 } });
    const retries = read({ name: [{}], retryPolicy });
    expect(Object.keys(new MethodConfigs([hedges, retries]).get('/a/b').config)).not.toContain('retryPolicy');
    expect(Object.keys(new MethodConfigs([retries, hedges]).get('/a/b').config)).not.toContain('hedgingPolicy');
  });

  it('makes idempotent methods hedged within a budget, unless it says otherwise', () => {
    const idempotent = read({ name: [{}], idempotent: true });
    const plan = new MethodConfigs([idempotent]).get('/a/b');
    expect(plan.config.hedgingPolicy?.maxAttempts).toBe(3);
    expect([plan.hedged, plan.budgeted, plan.throttling]).toEqual([true, true, undefined]);
    const given = read({ name: [{}], idempotent: true, hedgingPolicy: { maxAttempts: 2 } });
    expect(new MethodConfigs([given]).get('/a/b')).toMatchObject({ hedged: true, budgeted: false });
    const own = readServiceConfig({ retryThrottling: { maxTokens: 1, tokenRatio: 1 } }, 'config');
    expect(throttlingOf([idempotent, own])).toEqual({ maxTokens: 1, tokenRatio: 1 });
    expect(new MethodConfigs([idempotent, own]).get('/a/b').throttling).toEqual({ maxTokens: 1, tokenRatio: 1 });
    expect(throttlingOf([idempotent])).toBeUndefined();
    const retried = new MethodConfigs([read({ name: [{}], idempotent: true, retryPolicy })]).get('/a/b').config;
    expect(retried.hedgingPolicy).toBeUndefined();
    expect(Object.keys(retried)).not.toContain('idempotent');
  });

  it('is refused where it is wrong, naming option, value and what is allowed', () => {
    const cases: [GrpcMethodConfig | object, RegExp][] = [
      [{ name: [] }, /methodConfig\[0\]\.name is an array: allowed is an array of names/],
      [{ name: [{ method: 'C' }] }, /name\[0\]\.method is "C": allowed is none without a service/],
      [{ name: [{}], timeout: '5' }, /timeout is "5": allowed is a duration such as "0\.5s"/],
      [
        { name: [{}], retryPolicy: { ...retryPolicy, maxAttempts: 1 } },
        /maxAttempts is 1: allowed is a whole number from 2/,
      ],
      [{ name: [{}], retryPolicy: { ...retryPolicy, maxBackoff: undefined } }, /maxBackoff is undefined/],
      [
        { name: [{}], retryPolicy: { ...retryPolicy, retryableStatusCodes: ['OOPS'] } },
        /is "OOPS": allowed is a status/,
      ],
      [{ name: [{}], retryPolicy, hedgingPolicy: { maxAttempts: 2 } }, /hedgingPolicy is an object: allowed is none/],
    ];
    for (const [method, message] of cases) expect(() => read(method)).toThrow(message);
    expect(() => read({ name: [{}] }, { name: [{ service: '' }] })).toThrow(/names "\/" twice/);
    expect(() => readServiceConfig({ retryThrottling: { maxTokens: 0, tokenRatio: 1 } }, 'c')).toThrow(
      /maxTokens is 0/,
    );
  });
});

describe('the service config of a channel', () => {
  const policies = new PolicyRegistry([roundRobin, peakEwma]);
  const balancing = (config: object): unknown => readChannelServiceConfig(JSON.stringify(config), policies).balancing;

  it('chooses the first entry that is known', () => {
    const loadBalancingConfig = [{ xds_thing: {} }, { peak_ewma: { decayMs: 5 } }, { round_robin: {} }];
    expect(balancing({ loadBalancingConfig })).toEqual({ policy: { peak_ewma: { decayMs: 5 } } });
    expect(balancing({ loadBalancingConfig: [{ fairlead: { keyHeader: 'x' } }] })).toEqual({ keyHeader: 'x' });
  });

  it('may use the name of the old field', () => {
    expect(balancing({ loadBalancingPolicy: 'ROUND_ROBIN' })).toEqual({ policy: { round_robin: {} } });
  });

  it('may name a policy for a method, which must exist', () => {
    const { serviceConfig } = readChannelServiceConfig(
      '{"methodConfig":[{"name":[{"service":"a.B"}],"policy":"peak_ewma"}]}',
      policies,
    );
    const methods = new MethodConfigs([serviceConfig, read({ name: [{}], policy: { peak_ewma: {} } })]);
    expect(methods.get('/a.B/C').policy?.spec).toBe('peak_ewma');
    // Methods whose policies say the same share a picker.
    expect(methods.get('/x.Y/Z').policy?.key).toBe(methods.get('/a.B/C').policy?.key);
    expect(Object.keys(methods.get('/a.B/C').config)).not.toContain('policy');
    expect(() => readChannelServiceConfig('{"methodConfig":[{"name":[{}],"policy":"fastest"}]}', policies)).toThrow(
      /grpc\.service_config\.methodConfig\[0\]\.policy is "fastest": allowed is one of round_robin, peak_ewma/,
    );
  });

  it('is refused where nothing in it is known, or it is no JSON', () => {
    expect(() => balancing({ loadBalancingConfig: [{ pick_first: {} }] })).toThrow(
      /loadBalancingConfig is "pick_first": allowed is fairlead, round_robin, peak_ewma/,
    );
    expect(() => readChannelServiceConfig('{', policies)).toThrow(
      /grpc\.service_config: it is not JSON: see line 1, column 2/,
    );
  });
});

describe('a service config that is shared with programs in other languages', () => {
  const policies = new PolicyRegistry([roundRobin, peakEwma]);
  const method = { name: [{ service: 'a.B', future: 1 }], timeout: '1s', maxRequestMessageBytes: 9 };
  const shared = { methodConfig: [method], xdsThing: { a: 1 }, retryThrottling: { maxTokens: 9, tokenRatio: 1, x: 0 } };

  /** What the process is warned of while `run` runs, and a turn after. */
  async function warnings(run: () => void): Promise<string[]> {
    const seen: string[] = [];
    const listener = (warning: Error & { code?: string }): void => {
      if (warning.code === 'FAIRLEAD_SERVICE_CONFIG') seen.push(warning.message);
    };
    process.on('warning', listener);
    run();
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', listener);
    return seen;
  }

  it('is refused, unless unknown fields are to be warned of: then they are named, once, and the rest holds', async () => {
    expect(() => readServiceConfig(shared, 'config')).toThrow(/xdsThing/);
    const seen = await warnings(() => {
      expect(readServiceConfig(shared, 'config', 'warn')).toEqual({
        methodConfig: [{ name: [{ service: 'a.B' }], timeout: '1s' }],
        retryThrottling: { maxTokens: 9, tokenRatio: 1 },
      });
    });
    expect(seen).toEqual([
      'config says what has no effect here: config.methodConfig[0].name[0].future, ' +
        'config.methodConfig[0].maxRequestMessageBytes, config.xdsThing, config.retryThrottling.x.',
    ]);
    expect(await warnings(() => readServiceConfig({ methodConfig: [] }, 'config', 'warn'))).toEqual([]);
  });

  it('of a channel may name policies of which none is known here', async () => {
    const json = JSON.stringify({ ...shared, loadBalancingConfig: [{ xds_thing: {} }] });
    const seen = await warnings(() => {
      expect(readChannelServiceConfig(json, policies, 'warn').balancing).toBeUndefined();
    });
    expect(seen.join()).toMatch(/loadBalancingConfig \(xds_thing\)/);
  });

  it('is refused all the same where what it says of a known field is wrong', () => {
    const wrong = { methodConfig: [{ name: [{}], timeout: 'soon', future: 1 }] };
    expect(() => readServiceConfig(wrong, 'config', 'warn')).toThrow(/timeout is "soon"/);
    expect(() => readServiceConfig([7], 'config', 'warn')).toThrow();
    expect(() => readGrpcOptions({ unknownFields: 'ignore' as never })).toThrow(/unknownFields is "ignore"/);
  });
});
