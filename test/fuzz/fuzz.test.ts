import { inspect } from 'node:util';
import { FairleadError } from 'fairlead';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { corpusOf, keep } from './corpus.js';
import { inputsFor } from './mutations.js';
import { CANARY, type FuzzTarget } from './target.js';
import { targets } from './targets/index.js';

/**
 * `FUZZ_RUNS=100000 FC_SEED=$RANDOM npm run fuzz -- -t sql` looks for longer, elsewhere, in one.
 */
const RUNS = Number(process.env.FUZZ_RUNS ?? 300);

/**
 * Processor time: an input of some kilobytes that takes a second hangs a server with a few more.
 */
const HANG_MS = 1_000;

/** Throws where a target does what none may do with any input. */
async function check(target: FuzzTarget, input: Buffer): Promise<void> {
  const refusal = target.refusal ?? ((error: unknown) => error instanceof FairleadError);
  const before = process.cpuUsage();
  let thrown: unknown;
  let failed = false;
  try {
    await target.read(Buffer.from(input));
  } catch (error) {
    failed = true;
    thrown = error;
  }
  const { user, system } = process.cpuUsage(before);
  if ((user + system) / 1_000 > HANG_MS) throw new Error(`it took ${(user + system) / 1_000} ms of processor time`);
  if (!failed) return;
  if (!refusal(thrown)) throw new Error(`it crashed: ${inspect(thrown)}`, { cause: thrown });
  if (knownSecret(input) && inspect(thrown, { depth: 12 }).includes(CANARY))
    throw new Error('a secret is in the error');
}

/** Whether each secret in it stands where one can be told: edits may leave `oken=` before it. */
function knownSecret(input: Buffer): boolean {
  const [, ...after] = input.toString().split(CANARY);
  const told = input.toString().match(new RegExp(`(?:"password":"|[?&]token=)${CANARY}`, 'g')) ?? [];
  return after.length === told.length;
}

describe.each(targets.map((target) => [target.name, target] as const))('%s', (name, target) => {
  it('is not hurt by what has hurt it before', async () => {
    for (const { why, input } of corpusOf(name)) {
      await check(target, input).catch((error: Error) => {
        throw new Error(`${why}: ${error.message}`, { cause: error });
      });
    }
  });

  it('reads its own examples', async () => {
    for (const example of target.examples) {
      await expect(Promise.resolve(target.read(Buffer.from(example))), String(example)).resolves.not.toThrow();
    }
  });

  it('does not crash, hang or tell secrets, whatever it reads', async () => {
    const property = fc.asyncProperty(inputsFor(target), (input) => check(target, input));
    const result = await fc.check(property, { numRuns: RUNS });
    if (!result.failed) return;
    const [input] = result.counterexample!;
    const { message } = result.errorInstance as Error;
    if (process.env.CI !== 'true') keep(name, input, message.split('\n')[0]!);
    throw new Error(`${message}\nof ${inspect(input.toString())} (seed ${result.seed})`, {
      cause: result.errorInstance,
    });
  });
});

it('leaves the prototypes as they were', () => {
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});
