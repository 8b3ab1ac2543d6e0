import { AssertionError } from 'node:assert';
import type { PickRequest, Policy, PolicyContext } from '../../balancing/policy.js';
import type { RoutingKey } from '../../runtime/context.js';
import { callback, number, type Reader, readOptions } from '../../runtime/options.js';
import { Outcome } from '../../runtime/outcome.js';
import type { ManualClock } from '../manual-clock.js';
import { bytesPer } from './heap.js';
import { historyOf, play, shrink } from './history.js';
import { previewChecks } from './preview-checks.js';
import { Stage } from './stage.js';

/** One thing that every policy has to do. */
export interface PolicyCheck {
  /** A sentence whose subject is the policy: 'picks the same under the same seed'. */
  readonly name: string;
  /**
   * Returns when the policy does it; throws an AssertionError that says what went wrong, and after
   * what.
   */
  readonly run: () => void;
}

/** What a policy claims about itself. */
export interface PolicyTraits {
  /**
   * Equal endpoints get equal shares within this relative error. Default 0.1; false where that is
   * not its purpose (one that takes the nearest, say): then nothing is checked about shares.
   */
  readonly evenWithin?: number | false;
  /**
   * Shares follow the weights within this relative error. Default 0.2; false where it ignores
   * weights on purpose.
   */
  readonly weightsWithin?: number | false;
  /** What else its context needs: probes, for a policy that asks servers. */
  readonly context?: (clock: ManualClock) => Partial<PolicyContext>;
}

/**
 * What every policy has to do, ours or yours, whatever else it does: as checks that any test runner
 * can run, and that need nothing of one.
 *
 * ```ts
 * for (const check of policyChecks(() => myPolicy({ choices: 3 }))) test(check.name, check.run);
 * ```
 *
 * `make` returns a new policy, and is called for each check; its picker is run as the core would
 * run it. All of the checks together take between 0.1 and 1 s.
 */
export function policyChecks(make: () => Policy, traits: PolicyTraits = {}): readonly PolicyCheck[] {
  const { evenWithin, weightsWithin, context } = readOptions<ReadTraits>('policyChecks', traits, {
    evenWithin: within(0.1),
    weightsWithin: within(0.2),
    context: callback(),
  });
  const start: Start = (weights, seed = 1) => new Stage(make(), { weights, seed, context });
  const checks: PolicyCheck[] = [
    {
      name: 'picks a ready endpoint that was not tried while there is one, and never throws, through any history',
      run: () => anyHistory(start),
    },
    { name: 'sends nothing to an ejected endpoint, and something when it is back', run: () => ejection(start) },
    { name: 'picks the same under the same seed', run: () => sameSeed(start) },
    { name: 'does not keep the request', run: () => requestReused(start) },
    { name: 'is not harmed by any key', run: () => anyKey(start) },
    { name: 'allocates nothing for a pick', run: () => noAllocation(start) },
    { name: 'allocates nothing for a pick after a failed attempt', run: () => noAllocationTried(start) },
    { name: 'allocates nothing when a call ends', run: () => noAllocationAtTheEnd(start) },
  ];
  if (evenWithin !== false) {
    checks.push(
      { name: 'shares calls out evenly among equals', run: () => evenly(start, evenWithin, () => undefined) },
      {
        name: 'shares calls out evenly among equals by many keys',
        run: () => evenly(start, evenWithin, (call) => `key-${call}`),
      },
      { name: 'keeps its shares when the rotation is renewed all the time', run: () => renewed(start, evenWithin) },
      {
        name: 'gives an endpoint in slow start as much less as its weight in use says',
        run: () => slowStart(start, evenWithin),
      },
    );
  }
  if (weightsWithin !== false) {
    checks.push({ name: 'gives each its share by weight in the long run', run: () => byWeight(start, weightsWithin) });
  }
  if (make().usesKey === true) {
    checks.push({ name: 'sends a key to the same endpoint while the rotation stays', run: () => keyStays(start) });
  }
  checks.push(...previewChecks(start));
  return checks;
}

interface ReadTraits {
  readonly evenWithin: number | false;
  readonly weightsWithin: number | false;
  readonly context: PolicyTraits['context'];
}

function within(fallback: number): Reader<number | false> {
  return (value, name) => (value === false ? false : number(fallback, 0, 10)(value, name));
}

type Start = (weights: readonly number[], seed?: number) => Stage;

const HISTORIES = 60;

function anyHistory(start: Start): void {
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const weights = Array.from({ length: 1 + (seed % 9) }, (_, i) => 1 + (i % 3));
    const stage = (): Stage => start(weights, seed);
    const history = historyOf(seed);
    const violation = play(stage, history);
    if (violation === undefined) continue;
    const shortest = shrink(history, (shorter) => play(stage, shorter) !== undefined);
    // One that draws its own dice may do well this time.
    const { message, cause } = play(stage, shortest) ?? violation;
    throw failure(`With ${weights.length} endpoints at the beginning: ${message}.`, cause);
  }
}

function ejection(start: Start): void {
  const stage = start([1, 1, 1, 1]);
  const before = stage.shares(400, keyed);
  // One that had calls: a policy may have reasons to leave others without.
  const place = before.indexOf(Math.max(...before));
  const ejected = stage.members[place]!;
  ejected.setStanding('ejected');
  stage.renew();
  const without = stage.shares(2_000, keyed)[place]!;
  expect(without === 0, `An ejected endpoint got ${percent(without)} of the calls.`, without, 0);
  ejected.setStanding('in');
  stage.renew();
  const back = stage.shares(4_000, keyed)[place]!;
  expect(back > 0, 'An endpoint that came back from an ejection got none of 4,000 calls.', back, 'above 0');
}

function sameSeed(start: Start): void {
  const run = (): string[] => {
    const stage = start([1, 2, 3, 4, 5], 42);
    return Array.from({ length: 300 }, (_, call) => stage.call(call % 2 === 0 ? `key-${call}` : undefined));
  };
  const [first, second] = [run(), run()];
  const at = first.findIndex((id, call) => id !== second[call]);
  expect(at === -1, `Call ${at + 1} went elsewhere in the second run under the same seed.`, second[at], first[at]);
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The core uses one request for all picks: what is kept of it changes under the picker's hands. */
function requestReused(start: Start): void {
  const run = (request: () => Mutable<PickRequest>, after: (request: Mutable<PickRequest>) => void): string[] => {
    const stage = start([1, 2, 3, 4, 5], 7);
    return Array.from({ length: 300 }, (_, call) => {
      const given = request();
      given.key = `key-${call % 40}`;
      given.tried = call % 3 === 0 ? [stage.members[call % 5]!] : undefined;
      given.nowMs = stage.policy.needsLatency ? stage.clock.now() : Number.NaN;
      const chosen = stage.picker.pick(given);
      after(given);
      stage.begin(chosen);
      stage.clock.advance(1);
      if (stage.inflight > 8) stage.end(Outcome.Success);
      return chosen.spec.id;
    });
  };
  const made = (): Mutable<PickRequest> => ({ key: undefined, tried: undefined, nowMs: Number.NaN });
  const one = made();
  const fresh = run(made, () => {});
  const reused = run(
    () => one,
    (request) => {
      request.key = 'the key of another call';
      request.tried = undefined;
    },
  );
  const at = fresh.findIndex((id, call) => id !== reused[call]);
  expect(at === -1, `Pick ${at + 1} was another one when the request object was reused.`, reused[at], fresh[at]);
}

function anyKey(start: Start): void {
  const stage = start([1, 2, 3]);
  const texts = ['', '__proto__', 'constructor', 'toString', '\ud800', '\udfff\ud800', '\0', 'k'.repeat(1_000_000)];
  const bytes = [new Uint8Array(0), new Uint8Array([255, 0, 254]), Buffer.from('key'), new Uint8Array(100_000)];
  for (const key of [...texts, ...bytes]) {
    const shown = typeof key === 'string' ? JSON.stringify(key.slice(0, 20)) : `${key.length} bytes`;
    const chosen = stage.choose(key, undefined);
    expect(stage.ready.includes(chosen as never), `The key ${shown} led to no ready endpoint.`, chosen, 'a ready one');
  }
  const added = Object.keys(Object.prototype);
  expect(added.length === 0, `Object.prototype has ${added.join(', ')} now.`, added, []);
}

const KEYS = Array.from({ length: 64 }, (_, i) => `user:${i}`);
const FIFTY = Array.from({ length: 50 }, (_, i) => 1 + (i % 3));

function noAllocation(start: Start): void {
  const stage = start(FIFTY);
  const bytes = bytesPer((turn) => stage.choose(KEYS[turn & 63], undefined));
  expect(bytes < 1, `A pick leaves ${bytes.toFixed(1)} bytes behind.`, bytes, 0);
}

function noAllocationTried(start: Start): void {
  const stage = start(FIFTY);
  const lists = KEYS.map((_, i) => [stage.members[i % 50]!, stage.members[(i * 7) % 50]!]);
  const bytes = bytesPer((turn) => stage.choose(KEYS[turn & 63], lists[(turn >> 6) & 63]));
  expect(bytes < 1, `A pick that avoids two endpoints leaves ${bytes.toFixed(1)} bytes behind.`, bytes, 0);
}

function noAllocationAtTheEnd(start: Start): void {
  const stage = start(FIFTY);
  const { picker, members, policy } = stage;
  if (picker.observe === undefined) return;
  // Whole numbers: a fraction that is passed on is a heap object, whose cost is the core's.
  const [latencyMs, nowMs] = policy.needsLatency ? [10, 2_000] : [Number.NaN, Number.NaN];
  const bytes = bytesPer((turn) => {
    const endpoint = stage.choose(KEYS[turn & 63], undefined);
    picker.observe?.(endpoint, turn % 10 === 0 ? Outcome.Failure : Outcome.Success, latencyMs, nowMs);
    picker.observe?.(members[turn % 50]!, Outcome.Cancelled, latencyMs, nowMs);
  });
  expect(bytes < 1, `A pick and its observe leave ${bytes.toFixed(1)} bytes behind.`, bytes, 0);
}

function evenly(start: Start, within: number, key: (call: number) => RoutingKey | undefined): void {
  const shares = start([1, 1, 1, 1, 1]).shares(6_000, key);
  for (const share of shares) near(share, 1 / 5, within, 'one of five equals', shares);
}

function renewed(start: Start, within: number): void {
  const stage = start([1, 1, 1, 1]);
  const shares = stage.shares(4_000, keyed, () => stage.renew());
  for (const share of shares) near(share, 1 / 4, within + SLACK / 2, 'one of four equals', shares);
}

function slowStart(start: Start, within: number): void {
  const stage = start([2, 2, 2, 2]);
  const warming = stage.members[1]!;
  warming.warmth = 0.2;
  warming.updateWeight();
  stage.renew();
  const shares = stage.shares(10_000, keyed);
  // 0.2 of 3.2 is 6 %: between a third and twice that, as policies that weigh latency or load come
  // to it by other ways.
  const share = shares[1]!;
  const isLess = share > 0.02 && share < 0.13;
  expect(isLess, `An endpoint at a fifth of its weight got ${percent(share)} of the calls, not 6 %.`, shares, 0.0625);
  for (const i of [0, 2, 3]) near(shares[i]!, (1 - share) / 3, within + SLACK, 'one of the three others', shares);
}

function byWeight(start: Start, within: number): void {
  const weights = [1, 2, 3, 6];
  const shares = start(weights).shares(12_000, keyed);
  for (const [i, share] of shares.entries())
    near(share, weights[i]! / 12, within, `weight ${weights[i]} of 12`, shares);
}

function keyStays(start: Start): void {
  const stage = start([1, 2, 3, 4, 5]);
  const owners = KEYS.map((key) => stage.call(key));
  for (let call = 0; call < 200; call++) stage.call(undefined);
  stage.renew();
  const moved = KEYS.filter((key, i) => stage.call(key) !== owners[i]);
  expect(moved.length === 0, `${moved.length} of 64 keys moved although nothing changed.`, moved, []);
}

/** What a short run may add to a policy's own error. */
const SLACK = 0.1;

const keyed = (call: number): string => `key-${call}`;

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

function near(share: number, ideal: number, within: number, who: string, shares: readonly number[]): void {
  const isNear = Math.abs(share / ideal - 1) <= within;
  const all = shares.map(percent).join(', ');
  const allowed = `${percent(ideal)} ± ${percent(within)} of that`;
  expect(isNear, `${who} got ${percent(share)} of the calls, not ${allowed}; all shares: ${all}.`, share, ideal);
}

function expect(holds: boolean, message: string, actual: unknown, expected: unknown): void {
  if (!holds) throw new AssertionError({ message, actual, expected, operator: 'conforms' });
}

function failure(message: string, cause: unknown): AssertionError {
  const error = new AssertionError({ message, operator: 'conforms' });
  if (cause !== undefined) error.cause = cause;
  return error;
}
