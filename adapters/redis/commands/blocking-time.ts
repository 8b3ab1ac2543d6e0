import type { Command } from '../driver/driver.js';

const MS_PER_S = 1_000;
const LEAST_S = 0.001;

/** Where a command that blocks has its time limit, and in what unit. */
function limitOf({ name, args }: Command): { readonly at: number; readonly unitMs: number } {
  switch (name.toLowerCase()) {
    case 'xread':
      return { at: behindBlock(args, 0), unitMs: 1 };
    case 'xreadgroup':
      // GROUP, and two names that may be called anything.
      return { at: behindBlock(args, 3), unitMs: 1 };
    case 'blmpop':
    case 'bzmpop':
      return { at: 0, unitMs: MS_PER_S };
    case 'blmovem':
      return { at: 4, unitMs: MS_PER_S };
    default:
      return { at: args.length - 1, unitMs: MS_PER_S };
  }
}

function behindBlock(args: Command['args'], from: number): number {
  return args.findIndex((arg, i) => i >= from && String(arg).toLowerCase() === 'block') + 1;
}

/**
 * Takes what has passed off its time limit; 0 is for ever. Whole seconds stay whole: servers before
 * Redis 6 know no others.
 */
export function leftToWait(command: Command, passedMs: number): void {
  const { at, unitMs } = limitOf(command);
  const given = Number(command.args[at]);
  if (!(given > 0)) return;
  const left = given - passedMs / unitMs;
  command.args[at] = String(
    Number.isInteger(given) ? Math.max(1, Math.ceil(left)) : Math.max(LEAST_S, left).toFixed(3),
  );
}
