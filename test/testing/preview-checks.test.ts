import type { Description, Endpoint, Picker, PickRequest, Preview, Rotation } from 'fairlead';
import { policyChecks } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';

/** Takes turns, and explains itself as it should; to be spoiled in one way at a time. */
class Turns implements Picker {
  ready: readonly Endpoint[] = [];
  turn = 0;

  update({ ready }: Rotation): void {
    this.ready = ready;
  }

  pick({ tried }: PickRequest): Endpoint {
    const { length } = this.ready;
    for (let step = 0; step < length; step++) {
      const endpoint = this.ready[this.turn++ % length]!;
      if (!tried?.includes(endpoint)) return endpoint;
    }
    return this.ready[0]!;
  }

  preview({ tried }: PickRequest): Preview {
    const { length } = this.ready;
    let at = this.turn;
    while (tried?.includes(this.ready[at % length]!) && at < this.turn + length) at++;
    const endpoint = this.ready[at % length]!;
    return { endpoint, drew: [endpoint] };
  }

  describe(_endpoint: Endpoint): Description {
    return { cost: 1, parts: { turn: this.turn, meanMs: Number.NaN } };
  }
}

/** What one check says of a picker: undefined where it finds nothing. */
function verdict(name: string, create: () => Picker): string | undefined {
  const make = () => ({ name: 'turns', needsLatency: false, create });
  const check = policyChecks(make, { weightsWithin: false }).find((each) => each.name === name);
  if (check === undefined) return 'not asked';
  try {
    check.run();
    return undefined;
  } catch (thrown) {
    expect(thrown).toMatchObject({ name: 'AssertionError', operator: 'conforms' });
    return (thrown as Error).message;
  }
}

const CHANGES_NOTHING = 'changes nothing by explaining itself';
const DESCRIBES = 'describes endpoints by finite numbers, or none';
const AGREES = 'previews what it then picks, over 10,000 draws';

describe('of a policy that explains itself, the checks', () => {
  it.each([CHANGES_NOTHING, DESCRIBES, AGREES])('find that it %s', (name) => {
    expect(verdict(name, () => new Turns())).toBeUndefined();
  });

  it('ask nothing where it neither previews nor describes, and no preview where it only describes', () => {
    const silent = () => Object.assign(new Turns(), { preview: undefined, describe: undefined }) as never;
    const describing = () => Object.assign(new Turns(), { preview: undefined }) as never;
    expect([CHANGES_NOTHING, DESCRIBES, AGREES].map((name) => verdict(name, silent))).toEqual([
      'not asked',
      'not asked',
      'not asked',
    ]);
    expect([CHANGES_NOTHING, DESCRIBES, AGREES].map((name) => verdict(name, describing))).toEqual([
      undefined,
      undefined,
      'not asked',
    ]);
  });

  it.each([
    [
      'preview',
      class extends Turns {
        override preview(request: PickRequest): Preview {
          const endpoint = this.pick(request);
          return { endpoint, drew: [endpoint] };
        }
      },
    ],
    [
      'description',
      class extends Turns {
        override describe(endpoint: Endpoint): Description {
          this.turn += endpoint === this.ready[0] ? 1 : 0;
          return { parts: {} };
        }
      },
    ],
  ])('find that its %s takes a turn', (_, Picked) => {
    expect(verdict(CHANGES_NOTHING, () => new Picked())).toMatch(
      /^Pick [12] was another one because the policy was asked to explain itself before\.$/,
    );
  });

  it('find a preview that takes a turn now and then, and which pick was the first to differ', () => {
    const once = class extends Turns {
      seen = 0;
      override preview(request: PickRequest): Preview {
        if (++this.seen === 100) this.turn++;
        return super.preview(request);
      }
    };
    expect(verdict(CHANGES_NOTHING, () => new once())).toMatch(/^Pick 100 was another one/);
  });

  it.each<[string, Description]>([
    ['cost Infinity', { cost: Number.POSITIVE_INFINITY, parts: {} }],
    ['latencyMs -Infinity', { cost: 1, parts: { weight: 1, latencyMs: Number.NEGATIVE_INFINITY } }],
    ['name ada', { parts: { name: 'ada' as never } }],
  ])('find a description by %s', (what, description) => {
    const described = class extends Turns {
      override describe(): Description {
        return description;
      }
    };
    expect(verdict(DESCRIBES, () => new described())).toBe(`It describes an endpoint by ${what}.`);
  });

  it('find no fault with what is not known yet, or not said', () => {
    for (const description of [{ cost: Number.NaN, parts: {} }, { parts: { meanMs: Number.NaN } }, {}, undefined]) {
      const described = class extends Turns {
        override describe(): Description {
          return description as Description;
        }
      };
      expect(verdict(DESCRIBES, () => new described())).toBeUndefined();
    }
  });

  it('find a preview that is not among what it drew', () => {
    const picked = class extends Turns {
      override preview(request: PickRequest): Preview {
        return { ...super.preview(request), drew: [] };
      }
    };
    expect(verdict(AGREES, () => new picked())).toBe('It previews an endpoint that it did not draw.');
  });

  it('find a preview of the first, whoever is picked', () => {
    const first = class extends Turns {
      override preview(): Preview {
        return { endpoint: this.ready[0]!, drew: [this.ready[0]!] };
      }
    };
    expect(verdict(AGREES, () => new first())).toMatch(
      /^It previews endpoint 000 for 1 of the calls, and picks it for 0\.2\d*\.$/,
    );
  });
});

describe('of what a policy leaves behind, the checks', () => {
  const kept: unknown[] = [];
  const leaves = (when: 'pick' | 'tried' | 'observe') => {
    const leave = (): void => {
      kept[0] = [when];
    };
    return () =>
      new (class extends Turns {
        override pick(request: PickRequest): Endpoint {
          if (when === 'pick' || (when === 'tried' && request.tried !== undefined)) leave();
          return super.pick(request);
        }
        observe(): void {
          if (when === 'observe') leave();
        }
      })();
  };

  it.each([
    ['allocates nothing for a pick', 'pick', /^A pick leaves \d+\.\d bytes behind\.$/],
    [
      'allocates nothing for a pick after a failed attempt',
      'tried',
      /^A pick that avoids two endpoints leaves \d+\.\d bytes behind\.$/,
    ],
    ['allocates nothing when a call ends', 'observe', /^A pick and its observe leave \d+\.\d bytes behind\.$/],
  ] as const)('that it %s find what is left', (name, when, says) => {
    expect(verdict(name, leaves(when))).toMatch(says);
  });

  it('ask nothing about the end of calls of one that does not observe it', () => {
    let picked = 0;
    const counting = () =>
      new (class extends Turns {
        override pick(request: PickRequest): Endpoint {
          picked++;
          return super.pick(request);
        }
      })();
    expect(verdict('allocates nothing when a call ends', counting)).toBeUndefined();
    expect(picked).toBe(0);
  });

  it('that a call ends are asked with failures, cancelled calls, and times where it needs them', () => {
    const seen = new Set<string>();
    const create = () =>
      new (class extends Turns {
        observe(_: Endpoint, outcome: number, latencyMs: number, nowMs: number): void {
          seen.add(`${outcome} ${latencyMs} ${nowMs}`);
        }
      })();
    const ofTimes = (needsLatency: boolean): string[] => {
      seen.clear();
      const make = () => ({ name: 'turns', needsLatency, create });
      const check = policyChecks(make).find(({ name }) => name === 'allocates nothing when a call ends')!;
      // Its own note of what it saw is found: nothing is asked of that here.
      expect(check.run).toThrow(/leave/);
      return [...seen].sort();
    };
    expect(ofTimes(false)).toEqual(['0 NaN NaN', '2 NaN NaN', '3 NaN NaN']);
    expect(ofTimes(true)).toEqual(['0 10 2000', '2 10 2000', '3 10 2000']);
  });
});
