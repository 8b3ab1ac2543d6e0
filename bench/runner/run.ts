import type { Random } from 'fairlead';
import { build } from './build.js';
import { measure, type Table } from './measure.js';
import type { Suite } from './suite.js';

export interface Chosen {
  /** Turns of every contender; the suite's own where it is undefined. */
  readonly rounds: number | undefined;
  /** No round of a case begins after so many seconds, once there are enough for an interval. */
  readonly seconds: number | undefined;
  /** Only cases whose title contains this. */
  readonly title: string | undefined;
  /** Operations of one turn; the case's own where it is undefined. */
  readonly operations: number | undefined;
}

export const loadSuite = async (name: string): Promise<Suite<unknown>> =>
  ((await import(`../suites/${name}.js`)) as { suite: Suite<unknown> }).suite;

/** Builds the package and one suite, and measures its cases, one table each. */
export async function* runSuite(name: string, chosen: Chosen, random: Random): AsyncGenerator<Table> {
  const suite = await loadSuite(name);
  const rounds = chosen.rounds ?? suite.rounds;
  const built = build(name);
  const servers = await suite.start?.();
  try {
    for (const [caseIndex, each] of suite.cases.entries()) {
      if (chosen.title !== undefined && !each.title.includes(chosen.title)) continue;
      const operations = chosen.operations ?? each.operations;
      const most = { rounds: Math.min(rounds, each.rounds ?? rounds), seconds: chosen.seconds };
      yield await measure({ ...each, operations }, servers?.world, most, { ...built, caseIndex }, random);
    }
  } finally {
    await servers?.stop();
  }
}
