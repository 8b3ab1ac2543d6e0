import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Endpoint, Service } from 'fairlead';
import { expect } from 'vitest';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

const EDITS = 1_000;
const CALLERS = 4;

interface Load {
  readonly service: Service;
  /** Every edit lists it. */
  readonly stays: Endpoint;
  /** Rejects where the call failed. */
  call(): Promise<void>;
  edit(): Promise<unknown>;
  waitUntil(enough: () => boolean): Promise<void>;
  /** The documents of the history are kept, and nothing else: growth from the third hundred on. */
  readonly maxGrowth: number;
}

/** 1,000 edits, with calls between any two: none fails, counters only rise, the heap is flat. */
export async function editUnderLoad({ service, stays, call, edit, waitUntil, maxGrowth }: Load): Promise<void> {
  let calls = 0;
  let done = false;
  const failed: unknown[] = [];
  const caller = async (): Promise<void> => {
    while (!done && failed.length === 0) {
      await call().catch((thrown: unknown) => failed.push(thrown));
      calls++;
    }
  };
  const callers = Array.from({ length: CALLERS }, caller);
  let counted = 0;
  let stats = Object.values(service.callStats);
  const heaps: number[] = [];
  for (let i = 0; i < EDITS; i++) {
    const before = calls;
    await edit();
    await waitUntil(() => calls >= before + 2 || failed.length > 0);
    expect(failed).toEqual([]);
    expect(service.endpoints).toContain(stays);
    expect(stays.calls).toBeGreaterThanOrEqual(counted);
    counted = stays.calls;
    const now = Object.values(service.callStats);
    expect(now.every((value, at) => value >= stats[at]!)).toBe(true);
    stats = now;
    if (i % 100 === 99) {
      gc();
      heaps.push(process.memoryUsage().heapUsed);
    }
  }
  done = true;
  await Promise.all(callers);
  expect(failed).toEqual([]);
  expect(calls).toBeGreaterThan(2 * EDITS);
  expect(heaps.at(-1)! - heaps[2]!).toBeLessThan(maxGrowth);
}
