import type { ValueSink, ValueSource } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { ServiceConfigs } from '../../../../adapters/grpc/config/live-config.js';
import { MethodConfigs, throttlingOf } from '../../../../adapters/grpc/config/method-configs.js';
import { readGrpcOptions } from '../../../../adapters/grpc/config/options.js';
import { testMesh } from '../../../support/mesh.js';

function watched(): {
  configs: ServiceConfigs;
  sinks: Map<string, ValueSink>;
  errors: string[];
  stop: AbortController;
} {
  const sinks = new Map<string, ValueSink>();
  const errors: string[] = [];
  const stop = new AbortController();
  const source: ValueSource = { name: 'kv', watch: (key, sink) => void sinks.set(key, sink) };
  const onServiceConfigError = (service: string, error: Error): void =>
    void errors.push(`${service}: ${error.message}`);
  const options = readGrpcOptions({ serviceConfigSource: source, onServiceConfigError });
  return { configs: new ServiceConfigs(stop.signal, testMesh({}).mesh.policies, options), sinks, errors, stop };
}

const timeoutOf = (seconds: number): string =>
  JSON.stringify({ methodConfig: [{ name: [{}], timeout: `${seconds}s` }] });

describe('service configs from a source', () => {
  it('apply to the next call, between the channel’s own and those in code, and go when their key goes', () => {
    const { configs, sinks } = watched();
    const code = { methodConfig: [{ name: [{}], timeout: '9s', waitForReady: true }] };
    const methods = new MethodConfigs([{}, code], configs.of('users'));
    expect(methods.get('/a.B/C').config.timeout).toEqual({ seconds: 9, nanos: 0 });
    sinks.get('fairlead/grpc/users')!.value(timeoutOf(2));
    expect(methods.get('/a.B/C').config.timeout).toEqual({ seconds: 2, nanos: 0 });
    expect(methods.get('/a.B/C').config.waitForReady).toBe(true);
    const strict = new MethodConfigs([{ methodConfig: [{ name: [{}], timeout: '1s' }] }, code], configs.of('users'));
    expect(strict.get('/a.B/C').config.timeout).toEqual({ seconds: 1, nanos: 0 });
    sinks.get('fairlead/grpc/users')!.value(undefined);
    expect(methods.get('/a.B/C').config.timeout).toEqual({ seconds: 9, nanos: 0 });
  });

  it.each([
    ['no JSON', '{', /kv fairlead\/grpc\/users is no JSON/],
    ['an unknown option', '{"methodConfigs":[]}', /methodConfigs is not an option/],
    ['a wrong duration', '{"methodConfig":[{"name":[{}],"timeout":5}]}', /timeout is 5/],
    ['a policy that does not exist', '{"methodConfig":[{"name":[{}],"policy":"fastest"}]}', /policy is "fastest"/],
  ])('are refused with %s, said once, and the one before stays', (_, text, message) => {
    const { configs, sinks, errors } = watched();
    const methods = new MethodConfigs([{}, {}], configs.of('users'));
    sinks.get('fairlead/grpc/users')!.value(timeoutOf(2));
    sinks.get('fairlead/grpc/users')!.value(text);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(/^users: /);
    expect(errors[0]).toMatch(message);
    expect(methods.get('/a.B/C').config.timeout).toEqual({ seconds: 2, nanos: 0 });
  });

  it('may give the throttling of retries and hedges', () => {
    const { configs, sinks } = watched();
    const live = configs.of('users');
    const code = { retryThrottling: { maxTokens: 50, tokenRatio: 0.5 } };
    const methods = new MethodConfigs([{}, code], live);
    const none = new MethodConfigs([{}, {}], live);
    let changes = 0;
    const stop = live.onChange(() => changes++);
    expect([throttlingOf(methods.sources)?.maxTokens, throttlingOf(none.sources)]).toEqual([50, undefined]);
    sinks.get('fairlead/grpc/users')!.value('{"retryThrottling":{"maxTokens":10,"tokenRatio":0.1}}');
    expect(throttlingOf(methods.sources)).toEqual({ maxTokens: 10, tokenRatio: 0.1 });
    const hedged = '"methodConfig":[{"name":[{}],"idempotent":true}]';
    sinks.get('fairlead/grpc/users')!.value(`{${hedged}}`);
    expect([methods, none].map((each) => each.get('/a.B/C').throttling?.maxTokens)).toEqual([50, undefined]);
    sinks.get('fairlead/grpc/users')!.value(`{${hedged},"retryThrottling":{"maxTokens":10,"tokenRatio":0.1}}`);
    expect([methods, none].map((each) => each.get('/a.B/C').throttling?.maxTokens)).toEqual([10, 10]);
    expect(changes).toBe(3);
    stop();
    sinks.get('fairlead/grpc/users')!.value(undefined);
    expect([changes, throttlingOf(none.sources)]).toEqual([3, undefined]);
  });

  it('are watched once per service, however many channels there are', () => {
    const { configs, sinks } = watched();
    expect(configs.of('users')).toBe(configs.of('users'));
    configs.of('orders');
    expect([...sinks.keys()]).toEqual(['fairlead/grpc/users', 'fairlead/grpc/orders']);
  });
});
