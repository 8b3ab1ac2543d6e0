import { inspect } from 'node:util';
import { Dice } from './dice.js';

/** One operation, as data: it can be printed, and left out. */
export interface Step {
  readonly op: string;
  readonly [argument: string]: unknown;
}

export interface Script {
  /** Options of the client. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly steps: readonly Step[];
}

export type Side = 'plain' | 'fairlead';

/** What was heard while each step ran, line by line. */
export type Transcript = readonly (readonly string[])[];

/** A client beside the driver that it stands for. */
export interface Pairing {
  readonly name: string;
  script(dice: Dice, length: number): Script;
  /**
   * Plays a script on a fresh client over a server as it was at the beginning. Steps that make no
   * sense (their connection is not there) do nothing: scripts are shrunk.
   */
  play(side: Side, script: Script): Promise<Transcript>;
}

export interface Difference {
  readonly pairing: string;
  readonly seed: number;
  readonly script: Script;
  readonly plain: Transcript;
  readonly fairlead: Transcript;
}

/**
 * Plays the script of a seed on both sides; undefined when all that was heard is the same. What
 * differs is played again: a driver that does not agree with itself proves nothing, which is said.
 */
export async function difference(pairing: Pairing, seed: number, length: number): Promise<Difference | undefined> {
  const script = pairing.script(new Dice(seed), length);
  const [plain, fairlead] = [await pairing.play('plain', script), await pairing.play('fairlead', script)];
  const at = firstDifferent(plain, fairlead);
  if (at < 0) return undefined;
  const confirmed = await differs(pairing, script);
  if (confirmed === undefined) {
    const both = described({
      pairing: pairing.name,
      seed,
      script: { ...script, steps: script.steps.slice(0, at + 1) },
      plain,
      fairlead,
    });
    console.warn(`not the same each time, and so not counted:\n${both}`);
    return undefined;
  }
  return { pairing: pairing.name, seed, ...(await shrink(pairing, script, confirmed)) };
}

type Found = Omit<Difference, 'pairing' | 'seed'>;

async function differs(pairing: Pairing, script: Script): Promise<Found | undefined> {
  const plain = await pairing.play('plain', script);
  const fairlead = await pairing.play('fairlead', script);
  if (firstDifferent(plain, fairlead) < 0) return undefined;
  const again = await pairing.play('plain', script);
  return firstDifferent(plain, again) < 0 ? { script, plain, fairlead } : undefined;
}

function firstDifferent(a: Transcript, b: Transcript): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    if (a[i]?.join('\n') !== b[i]?.join('\n')) return i;
  }
  return -1;
}

/** What comes after is of no interest; then steps are left out, half of them at first, one at last. */
async function shrink(pairing: Pairing, script: Script, found: Found): Promise<Found> {
  let best = found;
  let plays = 0;
  const attempt = async (steps: readonly Step[], options = best.script.options): Promise<boolean> => {
    if (++plays > 120) return false;
    const smaller = await differs(pairing, { options, steps });
    if (smaller === undefined) return false;
    best = smaller;
    return true;
  };
  await attempt(script.steps.slice(0, firstDifferent(found.plain, found.fairlead) + 1));
  for (let size = Math.ceil(best.script.steps.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.script.steps.length; ) {
      const { steps } = best.script;
      if (!(await attempt([...steps.slice(0, at), ...steps.slice(at + size)]))) at += size;
    }
  }
  for (const name of Object.keys(best.script.options)) {
    const { [name]: _, ...rest } = best.script.options;
    await attempt(best.script.steps, rest);
  }
  return best;
}

/** The smallest script that was found, and what differs, for people. */
export function described({ pairing, seed, script, plain, fairlead }: Difference): string {
  const at = firstDifferent(plain, fairlead);
  const steps = script.steps.map((step, i) => `${i === at ? '>' : ' '} ${i} ${line(step)}`);
  return [
    `${pairing}, seed ${seed}: not the same as the driver; options ${line(script.options)}`,
    ...steps,
    '  the driver:',
    ...(plain[at] ?? []).map((each) => `    ${each}`),
    '  fairlead:',
    ...(fairlead[at] ?? []).map((each) => `    ${each}`),
  ].join('\n');
}

const line = (value: unknown): string => inspect(value, { depth: 9, breakLength: Infinity, maxStringLength: 400 });
