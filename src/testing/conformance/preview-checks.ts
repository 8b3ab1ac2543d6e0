import { AssertionError } from 'node:assert';
import type { PickRequest } from '../../balancing/policy.js';
import type { Endpoint } from '../../endpoint/endpoint.js';
import { Outcome } from '../../runtime/outcome.js';
import { seededRandom } from '../../runtime/random.js';
import type { Stage } from './stage.js';

/** A `PolicyCheck`. */
interface Check {
  readonly name: string;
  readonly run: () => void;
}

type Start = (weights: readonly number[], seed?: number) => Stage;

/**
 * What `Service.explain` needs of a picker that has `preview` or `describe`; none of one without.
 */
export function previewChecks(start: Start): readonly Check[] {
  const { picker } = start([1, 2, 3]);
  if (picker.preview === undefined && picker.describe === undefined) return [];
  const checks: Check[] = [
    { name: 'changes nothing by explaining itself', run: () => changesNothing(start) },
    { name: 'describes endpoints by finite numbers, or none', run: () => describes(start) },
  ];
  if (picker.preview !== undefined) {
    checks.push({ name: 'previews what it then picks, over 10,000 draws', run: () => agrees(start) });
  }
  return checks;
}

const CALLS = 10_000;
const WEIGHTS = [1, 2, 3, 4, 5];
/** A share drawn 10,000 times is off by 0.007 with three chances in a thousand. */
const WITHIN = 0.025;

/** A call with a past now and then, and without a key; some stay in progress. */
function step(stage: Stage, call: number, before: (request: PickRequest) => void): Endpoint {
  const key = call % 3 === 0 ? undefined : `user:${call % 50}`;
  const tried = call % 7 === 0 ? [stage.members[call % 5]!] : undefined;
  const nowMs = stage.policy.needsLatency ? stage.clock.now() : Number.NaN;
  before({ key, tried, nowMs });
  const chosen = stage.choose(key, tried);
  stage.begin(chosen);
  stage.clock.advance(1 + (call % 4));
  while (stage.inflight > 8) stage.end(call % 11 === 0 ? Outcome.Failure : Outcome.Success);
  return chosen;
}

function changesNothing(start: Start): void {
  const run = (explained: boolean): string[] => {
    const stage = start(WEIGHTS, 11);
    const random = seededRandom(99);
    return Array.from(
      { length: 500 },
      (_, call) =>
        step(stage, call, (request) => {
          if (!explained) return;
          stage.picker.preview?.(request, random);
          for (const endpoint of stage.ready) stage.picker.describe?.(endpoint, request);
        }).spec.id,
    );
  };
  const [plain, explained] = [run(false), run(true)];
  const at = plain.findIndex((id, call) => id !== explained[call]);
  if (at === -1) return;
  throw new AssertionError({
    message: `Pick ${at + 1} was another one because the policy was asked to explain itself before.`,
    actual: explained[at],
    expected: plain[at],
    operator: 'conforms',
  });
}

function describes(start: Start): void {
  const stage = start(WEIGHTS);
  for (let call = 0; call < 200; call++) {
    step(stage, call, (request) => {
      for (const endpoint of stage.ready) {
        const { cost, parts = {} } = stage.picker.describe?.(endpoint, request) ?? {};
        // NaN is what is not known yet: explain leaves it out.
        const wrong = Object.entries({ cost, ...parts }).find(([, each]) => each !== undefined && !isKnown(each));
        if (wrong === undefined) continue;
        const message = `It describes an endpoint by ${wrong[0]} ${String(wrong[1])}.`;
        throw new AssertionError({ message, actual: wrong[1], expected: 'a finite number', operator: 'conforms' });
      }
    });
  }
}

function isKnown(value: unknown): boolean {
  return typeof value === 'number' && (Number.isNaN(value) || Number.isFinite(value));
}

function agrees(start: Start): void {
  const stage = start(WEIGHTS, 5);
  const random = seededRandom(6);
  const previewed = new Map<string, number>();
  const picked = new Map<string, number>();
  const count = (counts: Map<string, number>, { spec }: Endpoint): void => {
    counts.set(spec.id, (counts.get(spec.id) ?? 0) + 1);
  };
  for (let call = 0; call < CALLS; call++) {
    const chosen = step(stage, call, (request) => {
      const { endpoint, drew } = stage.picker.preview!(request, random);
      count(previewed, endpoint);
      if (drew.includes(endpoint)) return;
      const message = 'It previews an endpoint that it did not draw.';
      throw new AssertionError({ message, actual: endpoint.spec.id, expected: drew, operator: 'conforms' });
    });
    count(picked, chosen);
  }
  for (const { spec } of stage.members) {
    const [ours, its] = [(previewed.get(spec.id) ?? 0) / CALLS, (picked.get(spec.id) ?? 0) / CALLS];
    if (Math.abs(ours - its) <= WITHIN) continue;
    const message = `It previews endpoint ${spec.id} for ${ours} of the calls, and picks it for ${its}.`;
    throw new AssertionError({ message, actual: ours, expected: its, operator: 'conforms' });
  }
}
