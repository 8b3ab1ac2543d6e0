import { createMesh, Outcome, type Service, staticResolver } from 'fairlead';
import { ManualClock, seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';

const statuses = (status: number): Outcome | undefined => (status >= 500 ? Outcome.Failure : undefined);

function users(): { readonly service: Service; readonly clock: ManualClock } {
  const clock = new ManualClock();
  const resolver = staticResolver({ users: ['127.0.0.1:1', '127.0.0.1:2'] });
  const mesh = createMesh({ resolver, clock, random: seededRandom(1) });
  return { service: mesh.service('users', { policy: 'round_robin' }), clock };
}
const classifyResult = (result: unknown) => statuses(result as number);

describe('a result that is judged', () => {
  it('speaks against its endpoint as an error would', async () => {
    const { service } = users();
    for (let i = 0; i < 20; i++) await service.call(({ spec }) => (spec.port === 1 ? 500 : 200), { classifyResult });
    expect(service.endpoints.map(({ state }) => state)).toEqual(['ejected', 'ready']);
  });

  it.each([
    ['by itself', { hedge: false }],
    ['where it might be hedged', {}],
  ])('is repeated elsewhere where the call is idempotent, %s', async (_, more) => {
    const { service, clock } = users();
    const idempotent = { classifyResult, idempotent: true, retry: { baseDelayMs: 0 }, ...more } as const;
    const calls = Array.from({ length: 4 }, () =>
      service.call(({ spec }) => (spec.port === 1 ? 500 : 200), idempotent),
    );
    await clock.advanceAsync(100);
    expect(await Promise.all(calls)).toEqual([200, 200, 200, 200]);
    expect(service.callStats.retries).toBe(2);
  });

  it.each([
    ['by itself', { hedge: false }],
    ['where it might be hedged', {}],
  ])('gives way to what the last attempt threw, %s', async (_, more) => {
    const { service, clock } = users();
    let attempts = 0;
    const run = (): number => {
      if (++attempts === 1) return 500;
      throw Object.assign(new Error('reset'), { code: 'ECONNRESET' });
    };
    const call = service.call(run, { classifyResult, idempotent: true, retry: { baseDelayMs: 0 }, ...more });
    const ended = expect(call).rejects.toThrow('reset');
    await clock.advanceAsync(100);
    await ended;
    expect(attempts).toBe(3);
  });

  it('is returned as it is where the last attempt came to it, or no other is made', async () => {
    const { service } = users();
    const idempotent = { classifyResult, idempotent: true, hedge: false, retry: { baseDelayMs: 0 } } as const;
    let attempts = 0;
    expect(await service.call(() => 500 + attempts++, idempotent)).toBe(502);
    expect(await service.call(() => 503, { classifyResult })).toBe(503);
  });

  it('is a success where the classifier says nothing, throws, or says what is no outcome', async () => {
    const { service } = users();
    for (const classify of [() => undefined, () => 99 as Outcome, () => ({ outcome: Number.NaN }) as never]) {
      for (let i = 0; i < 8; i++) await service.call(() => 500, { classifyResult: classify });
    }
    const throwing = (): never => {
      throw new Error('a bug');
    };
    for (let i = 0; i < 8; i++) expect(await service.call(() => 500, { classifyResult: throwing })).toBe(500);
    expect(service.rotation).toHaveLength(2);
  });
});
