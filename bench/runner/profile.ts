import { Session } from 'node:inspector/promises';

/** What of an operation is spent in this package's own frames, their callees' not included. */
export interface OwnFrames {
  readonly cpuUs: number;
  readonly bytes: number;
}

const SAMPLE_US = 100;
/** More between two samples is time in which the process did not run. */
const MOST_US = 4 * SAMPLE_US;
const SAMPLE_BYTES = 512;
/** The package as built, wherever it lies; not its dependencies, not the bench. */
const OWN = /\/dist\/(src|adapters|shared)\//;
const OWN_WITH_BENCH = /\/dist\/(src|adapters|shared)\/|\/dist-bench\//;

interface HeapNode {
  readonly callFrame: { readonly url: string };
  readonly selfSize: number;
  readonly children: readonly HeapNode[];
}

/** Two runs, one a profile each: sampling allocations would show in the other one's times. */
export async function profiled(run: () => unknown, operations: number, withBench: boolean): Promise<OwnFrames> {
  const frames = withBench ? OWN_WITH_BENCH : OWN;
  const session = new Session();
  session.connect();
  try {
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_US });
    await session.post('Profiler.start');
    await run();
    const { profile } = await session.post('Profiler.stop');
    const own = new Set(profile.nodes.filter(({ callFrame }) => frames.test(callFrame.url)).map(({ id }) => id));
    const us = (profile.samples ?? []).reduce(
      (sum, id, i) => (own.has(id) ? sum + Math.min(profile.timeDeltas?.[i] ?? 0, MOST_US) : sum),
      0,
    );
    await session.post('HeapProfiler.startSampling', {
      samplingInterval: SAMPLE_BYTES,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    });
    await run();
    const heap = await session.post('HeapProfiler.stopSampling');
    const bytesOf = (node: HeapNode): number =>
      (frames.test(node.callFrame.url) ? node.selfSize : 0) +
      node.children.reduce((sum, child) => sum + bytesOf(child), 0);
    return { cpuUs: us / operations, bytes: bytesOf(heap.profile.head) / operations };
  } finally {
    session.disconnect();
  }
}
