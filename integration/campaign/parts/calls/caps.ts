import type { RunRecord, Violation } from '../../part.js';
import type { CallsPlan } from './plan.js';

/** What a client said of an ejection, and of all that were out then. */
interface Told {
  readonly why: 'answers' | 'unreachable';
  readonly enforced: boolean;
  readonly refusedBy?: 'cap';
  readonly members: number;
  /** By their ids, for what. */
  readonly out: Readonly<Record<string, string>>;
}

const DEFAULTS = { answers: 0.1, unreachable: 0.5 };

/**
 * What one caller asks for takes few servers from all others: for what they answered few are out at
 * a time, and no more than half in all. And where no more may go, one that answers comes back for
 * one that cannot be reached.
 */
export function checkCaps({ operations, schedule }: RunRecord): Violation[] {
  const { maxEjectionRatio = {} } = schedule.options as unknown as CallsPlan;
  const given = typeof maxEjectionRatio === 'number' ? all(maxEjectionRatio) : maxEjectionRatio;
  const ratios = { ...DEFAULTS, ...given };
  return operations
    .filter(({ name }) => name === 'ejected')
    .flatMap((event) => {
      const promise = broken(event.input as Told, ratios);
      if (promise === undefined) return [];
      const says = `${event.client}, about ${event.key}: ${JSON.stringify(event.input)}`;
      return [{ promise: `ejection: ${promise}`, says, operations: [event] }];
    });
}

const all = (ratio: number): typeof DEFAULTS => ({ answers: ratio, unreachable: ratio });

function broken(told: Told, { answers, unreachable }: typeof DEFAULTS): string | undefined {
  const { why, enforced, refusedBy, members, out } = told;
  const grounds = Object.values(out);
  const forAnswers = grounds.filter((each) => each === 'answers').length;
  // One may always go.
  const most = (ratio: number): number => Math.max(1, Math.floor(members * ratio));
  if (enforced && grounds.length > most(Math.max(answers, unreachable))) return 'more are out than may be';
  if (enforced && why === 'answers' && forAnswers > most(answers))
    return 'more are out for what they answered than may be';
  if (refusedBy === 'cap' && why === 'unreachable' && forAnswers > 0)
    return 'one that answers is out, and one that cannot be reached is not';
  return undefined;
}
