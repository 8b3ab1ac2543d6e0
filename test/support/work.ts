import { type Profiler, Session } from 'node:inspector';
import { setFlagsFromString } from 'node:v8';

/** Counts work by what is executed, which no other work on the machine can change. */
export interface WorkMeter extends Disposable {
  /** Characters of own source that were executed since it was asked before: each loop's as often as it ran. */
  taken(): number;
}

const OWN = /\/(src|adapters)\/(?!.*\/node_modules\/).*\.ts/;

/**
 * By the counts of V8's coverage: a block counts its length in characters as often as it was
 * entered. What native functions do is not seen; what calls them is.
 */
export function workMeter(): WorkMeter {
  // What is optimised counts no longer.
  setFlagsFromString('--max-optimized-bytecode-size=0');
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  return {
    taken() {
      let work = 0;
      // In the same thread the answer comes at once.
      session.post('Profiler.takePreciseCoverage', (error, coverage) => {
        if (error) throw error;
        for (const { url, functions } of coverage.result) if (OWN.test(url)) work += workOf(functions);
      });
      return work;
    },
    [Symbol.dispose]() {
      session.post('Profiler.stopPreciseCoverage');
      session.disconnect();
    },
  };
}

/** Each range but what lies in ranges within it, times its count. */
function workOf(functions: readonly Profiler.FunctionCoverage[]): number {
  const ranges = functions.flatMap((each) => each.ranges);
  ranges.sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset);
  const open: Profiler.CoverageRange[] = [];
  let work = 0;
  for (const range of ranges) {
    while (open.length > 0 && open.at(-1)!.endOffset <= range.startOffset) open.pop();
    const length = range.endOffset - range.startOffset;
    work += length * range.count;
    const around = open.at(-1);
    if (around !== undefined) work -= length * around.count;
    open.push(range);
  }
  return work;
}
