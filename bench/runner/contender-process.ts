/**
 * The process of one contender: `node contender-process.js <suite> <case> <contender>`. Told by its
 * parent what to do; ends with it.
 */
import { profiled } from './profile.js';
import type { Contender, Figures, Suite } from './suite.js';

export type Order =
  | { readonly what: 'start'; readonly world: unknown }
  | { readonly what: 'run' | 'bytes' | 'profile'; readonly operations: number }
  | { readonly what: 'close' };

export interface Turn {
  /** CPU of the whole process, user and system; microseconds an operation. */
  readonly cpuUs: number;
  readonly wallUs: number;
  readonly figures: Figures;
}

declare const gc: (() => void) | undefined;

const [suitePath, caseIndex, name] = process.argv.slice(2);
const { suite } = (await import(suitePath!)) as { suite: Suite<unknown> };
const { contenders, ownWithBench = false } = suite.cases[Number(caseIndex)]!;
const make = contenders[name!]!;
let contender: Contender | undefined;

async function turn(operations: number): Promise<Turn> {
  const beganMs = performance.now();
  const cpu = process.cpuUsage();
  const figures = (await contender!.run(operations)) ?? {};
  const used = process.cpuUsage(cpu);
  return {
    cpuUs: (used.user + used.system) / operations,
    wallUs: ((performance.now() - beganMs) * 1_000) / operations,
    figures,
  };
}

/** Bytes that an operation leaves on the heap, in a young generation that holds them all. */
async function bytes(operations: number): Promise<number> {
  gc?.();
  const before = process.memoryUsage().heapUsed;
  await contender!.run(operations);
  return (process.memoryUsage().heapUsed - before) / operations;
}

async function obey(order: Order): Promise<unknown> {
  if (order.what === 'start') contender = await make(order.world);
  else if (order.what === 'run') return await turn(order.operations);
  else if (order.what === 'bytes') return await bytes(order.operations);
  else if (order.what === 'profile') {
    return await profiled(() => contender!.run(order.operations), order.operations, ownWithBench);
  } else {
    await contender?.close?.();
    process.exit(0);
  }
  return null;
}

process.on('message', (order: Order) => {
  obey(order).then(
    (answer) => process.send!({ answer }),
    (error: Error) => process.send!({ error: error.stack ?? String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
process.send!({ answer: 'here' });
