import { consulKv } from 'fairlead/consul';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Consul, startConsul, until } from '../harness/index.js';

let consul: Consul;
let stop: AbortController;
beforeEach(async () => {
  stop = new AbortController();
  consul = await startConsul({ persist: true });
});
afterEach(async () => {
  stop.abort();
  await consul.stop();
});

const put = async (key: string, value: string): Promise<void> => {
  const response = await fetch(`http://${consul.address}/v1/kv/${key}`, { method: 'PUT', body: value });
  expect(response.status).toBe(200);
};

describe('consulKv', () => {
  it('tells a value, its changes and its end, and goes on after the agent was killed', async () => {
    const values: (string | undefined)[] = [];
    const errors: Error[] = [];
    const sink = {
      value: (text: string | undefined) => values.push(text),
      error: (error: Error) => errors.push(error),
    };
    consulKv({ address: consul.address, waitMs: 2_000 }).watch('fairlead/grpc/users', sink, stop.signal);
    await until('the missing key is told', () => values.length === 1);
    await put('fairlead/grpc/users', '{"a":1}');
    await until('the value is told', () => values.length === 2);
    await put('fairlead/grpc/users', '{"a":2}');
    await until('the change is told', () => values.length === 3);
    await consul.kill();
    await until('the failure is told', () => errors.length > 0);
    await consul.restart();
    await put('fairlead/grpc/users', '{"a":3}');
    await until('the change after the restart is told', () => values.includes('{"a":3}'));
    await fetch(`http://${consul.address}/v1/kv/fairlead/grpc/users`, { method: 'DELETE' });
    await until('the end is told', () => values.at(-1) === undefined);
    expect(values).toEqual([undefined, '{"a":1}', '{"a":2}', '{"a":3}', undefined]);
  });
});
