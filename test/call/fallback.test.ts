import type { FairleadError, Service, ServiceOptions } from 'fairlead';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

/** A service whose time passes while a call waits. */
function serviceOf(options: ServiceOptions = {}, count = 2): Service {
  const { mesh, clock } = testMesh({ users: endpoints(count) }, { services: { users: options } });
  const service = mesh.service('users');
  const { call } = service;
  service.call = async (...args: never[]) => {
    let ended = false;
    const result = (call as (...all: never[]) => Promise<never>).apply(service, args).finally(() => {
      ended = true;
    });
    result.catch(() => {});
    for (let i = 0; i < 1_000 && !ended; i++) await clock.advanceAsync(10);
    return result;
  };
  return service;
}

const refused = (): never => {
  throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
};

describe('a fallback', () => {
  it('is what the call resolves with where every attempt failed, after the repeats', async () => {
    const service = serviceOf();
    let attempts = 0;
    const run = (): string => {
      attempts++;
      return refused();
    };
    expect(await service.call(run, { fallback: 'none' })).toBe('none');
    expect(attempts).toBe(3);
    expect(service.callStats).toMatchObject({ retries: 2, fallbacks: 1 });
  });

  it('is a function of the error too, which may take its time', async () => {
    const service = serviceOf();
    const seen: unknown[] = [];
    const fallback = async (error: unknown): Promise<string> => {
      seen.push(error);
      await Promise.resolve();
      return 'later';
    };
    expect(await service.call(refused, { fallback })).toBe('later');
    expect(seen).toEqual([expect.objectContaining({ code: 'ECONNREFUSED' })]);
  });

  it('may be nothing at all, and is not asked for where the call succeeds', async () => {
    const service = serviceOf();
    expect(await service.call(refused, { fallback: undefined })).toBeUndefined();
    expect(await service.call(() => 1, { fallback: 2 })).toBe(1);
    expect(service.callStats.fallbacks).toBe(1);
  });

  it('stands in for a service without endpoints, and for a refusal by a limit', async () => {
    const none = serviceOf({ waitForReadyMs: 0 }, 0);
    expect(await none.call(() => 1, { fallback: 'none' })).toBe('none');
    const full = serviceOf({ resilience: { limits: { maxInflight: 1 } } });
    const lease = full.acquire();
    expect(await full.call(() => 1, { fallback: 'full' })).toBe('full');
    lease[Symbol.dispose]();
    expect(full.callStats).toMatchObject({ refused: 1, fallbacks: 1 });
  });

  it('stands in for a missed deadline, and is not held to it', async () => {
    const { mesh, clock } = testMesh({ users: endpoints(1) });
    const service = mesh.service('users');
    const call = service.call(() => new Promise<never>(() => {}), {
      deadlineMs: 50,
      fallback: async (error: FairleadError) => {
        await Promise.resolve();
        return error.code;
      },
    } as never);
    await clock.advanceAsync(60);
    expect(await call).toBe('FAIRLEAD_DEADLINE_EXCEEDED');
  });

  it('stands in for a result that was judged a failure', async () => {
    const service = serviceOf();
    const classifyResult = (result: unknown): 3 | undefined => (result === 503 ? 3 : undefined);
    expect(await service.call(() => 503, { classifyResult, fallback: 200 })).toBe(200);
    expect(await service.call(() => 503, { classifyResult })).toBe(503);
  });

  it('hides no answer: an error of the application is one', async () => {
    const service = serviceOf();
    const missing = new Error('no such user');
    await expect(
      service.call(
        () => {
          throw missing;
        },
        { fallback: 'none' },
      ),
    ).rejects.toBe(missing);
    expect(service.callStats.fallbacks).toBe(0);
  });

  it('does not answer a caller who gave up, or whose options are wrong', async () => {
    const service = serviceOf();
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(service.call(() => 1, { signal, fallback: 2 })).rejects.toMatchObject({ code: 'FAIRLEAD_CANCELLED' });
    await expect(service.call(() => 1, { deadlineMs: -1, fallback: 2 })).rejects.toThrow(/deadlineMs is -1/);
  });

  it('that throws itself is what the call rejects with', async () => {
    const service = serviceOf();
    const fallback = (): never => {
      throw new RangeError('mine');
    };
    await expect(service.call(refused, { fallback })).rejects.toThrow(RangeError);
  });

  it('has its type', () => {
    const service = serviceOf();
    expectTypeOf(service.call(() => 1)).resolves.toEqualTypeOf<number>();
    expectTypeOf(service.call(() => 1, { fallback: 'none' })).resolves.toEqualTypeOf<number | string>();
    expectTypeOf(service.call(() => 1, { fallback: () => null })).resolves.toEqualTypeOf<number | null>();
    expectTypeOf(service.call(() => 1, { deadlineMs: 5 })).resolves.toEqualTypeOf<number>();
  });
});
