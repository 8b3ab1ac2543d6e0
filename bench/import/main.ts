import { statSync } from 'node:fs';
import { BuiltPackage } from '../../test/support/import-cost.js';

/**
 * Reports what `import 'fairlead'` costs: files, bytes, and the median of 31 fresh processes over
 * an empty module.
 */
const RUNS = 31;
using built = new BuiltPackage();
const files = built.filesLoadedBy('src/index.js');
const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
const costs = built.cost('src/index.js', RUNS);
console.log(`import 'fairlead': ${files.length} files, ${(bytes / 1024).toFixed(0)} KiB`);
for (const [name, label] of [
  ['ms', 'elapsed'],
  ['cpuMs', 'processor time'],
] as const) {
  const sorted = costs.map((cost) => cost[name]).sort((a, b) => a - b);
  const at = (share: number): string => sorted[Math.floor((RUNS - 1) * share)]!.toFixed(1);
  console.log(`${label} over an empty module, ms: best ${at(0)}, median ${at(0.5)}, worst ${at(1)} (${RUNS} runs)`);
}
