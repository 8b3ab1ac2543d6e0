import { Session } from 'node:inspector/promises';

/** Bytes between two samples: a run of some hundred kilobytes has hundreds of them. */
const SAMPLE_BYTES = 512;
/** Of runs that allocate megabytes half as many do: each is a walk up the stack. */
const WIDE_SAMPLE_BYTES = 1_024;

interface HeapNode {
  readonly callFrame: { readonly url: string };
  readonly selfSize: number;
  readonly children: readonly HeapNode[];
}

/** Bytes that frames of these files allocate meanwhile, those of their callees not included. */
export async function allocated(
  files: RegExp,
  run: () => Promise<unknown>,
  samplingInterval: number = SAMPLE_BYTES,
): Promise<number> {
  const session = new Session();
  session.connect();
  try {
    await session.post('HeapProfiler.startSampling', {
      samplingInterval,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    });
    await run();
    const { profile } = await session.post('HeapProfiler.stopSampling');
    const bytesOf = (node: HeapNode): number =>
      (files.test(node.callFrame.url) ? node.selfSize : 0) +
      node.children.reduce((sum, child) => sum + bytesOf(child), 0);
    return bytesOf(profile.head);
  } finally {
    session.disconnect();
  }
}

/** One call, and what tells of its end. */
export type Call = () => Promise<unknown>;

/** `count` calls, so many at once. */
export async function atOnce(concurrency: number, count: number, call: Call): Promise<void> {
  let begun = 0;
  const loop = async (): Promise<void> => {
    for (; begun < count; ) {
      begun++;
      await call();
    }
  };
  await Promise.all(Array.from({ length: concurrency }, loop));
}

export interface CostOptions {
  /** Calls of one measurement. */
  readonly calls: number;
  readonly concurrency: number;
}

/** Pairs of measurements. The median of their differences counts. */
const TURNS = 3;

/**
 * Bytes that a call of `ours` allocates beyond one of `theirs`, wherever: in own frames, in Node
 * and in the driver. Runs differ by some dozens of bytes, whatever else the machine does: a sample
 * stands for 1 KiB, and a call of 6 kB is measured some thousand times.
 */
export async function bytesBeyond(theirs: Call, ours: Call, { calls, concurrency }: CostOptions): Promise<number> {
  const run = (call: Call): Promise<void> => atOnce(concurrency, calls, call);
  // Until they are compiled: what is optimised allocates less.
  for (let turn = 0; turn < TURNS - 1; turn++) for (const call of [theirs, ours]) await run(call);
  const beyond: number[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    const bytes = await allocated(ANYWHERE, () => run(ours), WIDE_SAMPLE_BYTES);
    beyond.push((bytes - (await allocated(ANYWHERE, () => run(theirs), WIDE_SAMPLE_BYTES))) / calls);
  }
  return beyond.sort((a, b) => a - b)[Math.floor(TURNS / 2)]!;
}

/** The frames of the adapters, and of what they are made of. */
const OWN = /\/(src|adapters)\/(?!.*\/node_modules\/).*\.ts/;

/**
 * Bytes that own frames allocate in a call, of which a driver alone has none: for drivers whose
 * calls take so much that the difference of two is lost in it. The least of some measurements, as
 * V8 reports what a callee that it has inlined allocates as the caller's.
 */
export async function ownBytes(call: Call, { calls, concurrency }: CostOptions): Promise<number> {
  const run = (): Promise<void> => atOnce(concurrency, calls, call);
  for (let turn = 0; turn < TURNS; turn++) await run();
  let least = Number.POSITIVE_INFINITY;
  for (let turn = 0; turn < TURNS; turn++) least = Math.min(least, (await allocated(OWN, run)) / calls);
  return least;
}

const ANYWHERE = /^/;
