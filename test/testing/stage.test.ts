import { type Endpoint, Outcome, type Picker, type PickRequest, type Policy, type Rotation } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { ANSWER_MS, Stage } from '../../src/testing/conformance/stage.js';

/** Takes the first, and writes down what it is told. */
class First implements Picker {
  readonly told: Rotation[] = [];
  readonly requests: PickRequest[] = [];
  readonly ends: (readonly [id: string, outcome: Outcome, latencyMs: number, nowMs: number])[] = [];

  update(rotation: Rotation): void {
    this.told.push(rotation);
  }

  pick(request: PickRequest): Endpoint {
    this.requests.push({ ...request });
    return this.told.at(-1)!.ready[0]!;
  }

  observe({ spec }: Endpoint, outcome: Outcome, latencyMs: number, nowMs: number): void {
    this.ends.push([spec.id, outcome, latencyMs, nowMs]);
  }
}

function start(weights: readonly number[], more: Partial<Policy> = {}) {
  const picker = new First();
  const policy: Policy = { name: 'first', needsLatency: false, ...more, create: () => picker };
  return { stage: new Stage(policy, { weights, seed: 1, context: undefined }), picker };
}

const idsOf = (endpoints: readonly Endpoint[]): string[] => endpoints.map(({ spec }) => spec.id);

describe('the stage of a policy', () => {
  it('has a list of endpoints in the order of their ids, by weight, none of which was there before', () => {
    const { stage, picker } = start([1, 2, 3]);
    expect(stage.members.map(({ spec }) => [spec.id, spec.weight])).toEqual([
      ['000', 1],
      ['001', 2],
      ['002', 3],
    ]);
    expect(new Set(stage.specs.map(({ port }) => port)).size).toBe(3);
    stage.list([...stage.specs.slice(1), stage.made(9)]);
    expect(idsOf(stage.members)).toEqual(['001', '002', '003']);
    expect(idsOf(picker.told.at(-1)!.ready)).toEqual(['001', '002', '003']);
  });

  it('tells who is ready, all where none is, and one that is probed where keys decide', () => {
    const { stage, picker } = start([1, 1, 1]);
    stage.members[0]!.setStanding('ejected');
    stage.members[1]!.setStanding('probing');
    stage.renew();
    expect(picker.told.at(-1)).toMatchObject({ panic: false });
    expect(idsOf(picker.told.at(-1)!.ready)).toEqual(['002']);
    expect(idsOf(picker.told.at(-1)!.members)).toEqual(['000', '001', '002']);
    stage.members[2]!.setStanding('ejected');
    stage.renew();
    expect(picker.told.at(-1)).toMatchObject({ panic: true });
    expect(idsOf(picker.told.at(-1)!.ready)).toEqual(['000', '001', '002']);
    const byKey = start([1, 1, 1], { usesKey: true });
    byKey.stage.members[0]!.setStanding('ejected');
    byKey.stage.members[1]!.setStanding('probing');
    byKey.stage.renew();
    expect(idsOf(byKey.picker.told.at(-1)!.ready)).toEqual(['001', '002']);
  });

  it('knows whether the lists that it gave are as they were', () => {
    for (const spoil of [
      ({ ready }: Rotation) => (ready as Endpoint[]).reverse(),
      ({ ready }: Rotation) => (ready as Endpoint[]).pop(),
      ({ members }: Rotation) => (members as Endpoint[]).reverse(),
      ({ members }: Rotation) => (members as Endpoint[]).pop(),
    ]) {
      const { stage, picker } = start([1, 1, 1]);
      expect(stage.intact).toBe(true);
      spoil(picker.told.at(-1)!);
      expect(stage.intact).toBe(false);
    }
  });

  it('counts calls and ends the oldest, untimed, where no times are needed', () => {
    const { stage, picker } = start([1]);
    stage.end(Outcome.Success);
    expect(picker.ends).toEqual([]);
    const tried = [stage.members[0]!];
    stage.begin(stage.choose('ada', tried));
    stage.begin(stage.choose(undefined, undefined));
    expect(picker.requests).toEqual([
      { key: 'ada', tried, nowMs: Number.NaN },
      { key: undefined, tried: undefined, nowMs: Number.NaN },
    ]);
    expect([stage.inflight, stage.members[0]!.inflight]).toEqual([2, 2]);
    stage.clock.advance(5);
    stage.end(Outcome.Failure);
    expect([stage.inflight, stage.members[0]!.inflight, stage.members[0]!.failures]).toEqual([1, 1, 1]);
    expect(picker.ends).toEqual([['000', Outcome.Failure, Number.NaN, Number.NaN]]);
    expect(stage.members[0]!.latencyMs).toBeNaN();
  });

  it('times them where they are, and has estimates by the time constant of the policy', () => {
    for (const decayMs of [1_000, undefined]) {
      const { stage, picker } = start([1], { needsLatency: true, ...(decayMs && { decayMs }) });
      stage.begin(stage.choose(undefined, undefined));
      expect(picker.requests[0]!.nowMs).toBe(1_000);
      stage.clock.advance(100);
      stage.end(Outcome.Success);
      stage.begin(stage.choose(undefined, undefined));
      stage.clock.advance(20);
      stage.end(Outcome.Success);
      expect(picker.ends).toEqual([
        ['000', Outcome.Success, 100, 1_100],
        ['000', Outcome.Success, 20, 1_120],
      ]);
      const keep = Math.exp(-20 / (decayMs ?? 10_000));
      expect(stage.members[0]!.latencyMs).toBeCloseTo(100 * keep + 20 * (1 - keep), 5);
    }
  });

  it('makes calls of ten milliseconds each, and counts who had them', () => {
    const { stage, picker } = start([1, 1, 1]);
    let between = 0;
    const shares = stage.shares(
      8,
      (call) => `key-${call}`,
      () => between++,
    );
    expect([shares, between, stage.inflight]).toEqual([[1, 0, 0], 8, 0]);
    expect(stage.clock.now()).toBe(1_000 + 8 * ANSWER_MS);
    expect(picker.requests.map(({ key }) => key)).toContain('key-7');
    expect(picker.ends.every(([, outcome]) => outcome === Outcome.Success)).toBe(true);
  });

  it('lets one that left go with its last call, and its place to another', () => {
    const { stage } = start([1, 1]);
    const gone = stage.choose(undefined, undefined);
    stage.begin(gone);
    stage.list(stage.specs.slice(1));
    stage.end(Outcome.Success);
    stage.list([...stage.specs, stage.made(1)]);
    expect(stage.members.at(-1)!.ordinal).toBe(gone.ordinal);
    expect(stage.members.at(-1)).not.toBe(gone);
  });
});
