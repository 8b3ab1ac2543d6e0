import type { Endpoint, Picker, PickRequest, Policy, PolicyContext, Rotation } from 'fairlead';
import { type PolicyCheck, type PolicyTraits, policyChecks } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';

/** A round robin that does nothing wrong, to be spoiled in one way at a time. */
class Turns implements Picker {
  ready: readonly Endpoint[] = [];
  members: readonly Endpoint[] = [];
  turn = -1;

  update({ ready, members }: Rotation): void {
    this.ready = ready;
    this.members = members;
  }

  pick({ tried }: PickRequest): Endpoint {
    for (let step = 0; step < this.ready.length; step++) {
      this.turn = (this.turn + 1) % this.ready.length;
      const endpoint = this.ready[this.turn]!;
      // Passes turns while it warms up.
      const passes =
        endpoint.weight < endpoint.spec.weight &&
        (this.lap++ * endpoint.weight) % endpoint.spec.weight >= endpoint.weight;
      if (!passes && (tried === undefined || !tried.includes(endpoint))) return endpoint;
    }
    return this.untried(tried) ?? this.ready[0]!;
  }

  lap = 0;

  untried(tried: readonly Endpoint[] | undefined): Endpoint | undefined {
    for (const endpoint of this.ready) if (tried === undefined || !tried.includes(endpoint)) return endpoint;
    return undefined;
  }
}

type Context = PolicyContext;

function policy(create: (context: Context) => Picker, more: Partial<Policy> = {}): () => Policy {
  return () => ({ name: 'spoiled', needsLatency: false, ...more, create });
}

const NO_WEIGHTS: PolicyTraits = { weightsWithin: false };

/** What a check says of a policy; undefined where it finds nothing. */
function verdict({ run }: PolicyCheck): string | undefined {
  try {
    run();
    return undefined;
  } catch (thrown) {
    expect(thrown).toMatchObject({ name: 'AssertionError', operator: 'conforms' });
    return (thrown as Error).message;
  }
}

/** What one of them says: all would take much longer. */
function saidBy(name: string, make: () => Policy, traits: PolicyTraits = NO_WEIGHTS): string | undefined {
  return verdict(policyChecks(make, traits).find((each) => each.name === name)!);
}

/** Names and messages of the checks that fail. */
function failing(make: () => Policy, traits: PolicyTraits = NO_WEIGHTS): Map<string, string> {
  const said = policyChecks(make, traits).map((check) => [check.name, verdict(check)] as const);
  return new Map(said.filter((each): each is [string, string] => each[1] !== undefined));
}

const HISTORY = 'picks a ready endpoint that was not tried while there is one, and never throws, through any history';

describe('the checks of a policy', () => {
  it('find nothing in one that does all it has to', () => {
    expect([...failing(policy(() => new Turns()))]).toEqual([]);
  });

  const spoiled: readonly (readonly [
    what: string,
    found: string,
    says: RegExp,
    create: (context: Context) => Picker,
  ])[] = [
    [
      'picks among the members instead of the ready',
      HISTORY,
      /gave endpoint '\d+', which is not in rotation\.ready, after .*(eject|probe)/,
      () =>
        new (class extends Turns {
          override update({ members }: Rotation): void {
            this.ready = members;
          }
        })(),
    ],
    [
      'goes on with the rotation before',
      HISTORY,
      /not in rotation\.ready/,
      () =>
        new (class extends Turns {
          override update(rotation: Rotation): void {
            if (this.ready.length === 0) super.update(rotation);
          }
        })(),
    ],
    [
      'knows endpoints by id and not by identity',
      HISTORY,
      /not in rotation\.ready, after (.*, )?replace/,
      () =>
        new (class extends Turns {
          readonly byId = new Map<string, Endpoint>();
          override update({ ready }: Rotation): void {
            for (const endpoint of ready)
              if (!this.byId.has(endpoint.spec.id)) this.byId.set(endpoint.spec.id, endpoint);
            this.ready = ready.map(({ spec }) => this.byId.get(spec.id)!);
          }
        })(),
    ],
    [
      'ignores what was tried',
      HISTORY,
      /which this call had tried, although \d+ others were ready/,
      () =>
        new (class extends Turns {
          override pick(request: PickRequest): Endpoint {
            return super.pick({ ...request, tried: undefined });
          }
        })(),
    ],
    [
      'has no answer when all were tried',
      HISTORY,
      /pick gave undefined, which is not in rotation\.ready/,
      () =>
        new (class extends Turns {
          override pick({ tried = [] }: PickRequest): Endpoint {
            return this.ready.find((endpoint) => !tried.includes(endpoint))!;
          }
        })(),
    ],
    [
      'throws when nobody is healthy',
      HISTORY,
      /update or observe threw Error: nobody, after/,
      () =>
        new (class extends Turns {
          override update(rotation: Rotation): void {
            if (rotation.panic) throw new Error('nobody');
            super.update(rotation);
          }
        })(),
    ],
    [
      'throws in observe about an endpoint that has left',
      HISTORY,
      /threw TypeError/,
      () =>
        new (class extends Turns {
          observe(endpoint: Endpoint): void {
            this.members[this.members.indexOf(endpoint)]!.spec.id.trim();
          }
        })(),
    ],
    [
      'sorts the list that it was given',
      HISTORY,
      /changed the lists of the rotation/,
      () =>
        new (class extends Turns {
          override update(rotation: Rotation): void {
            super.update(rotation);
            (rotation.ready as Endpoint[]).sort((a, b) => b.weight - a.weight);
          }
        })(),
    ],
    [
      'keeps numbers by ordinal without a look at who has it now',
      HISTORY,
      /not in rotation\.ready/,
      () =>
        new (class extends Turns {
          readonly byOrdinal: Endpoint[] = [];
          override update({ ready }: Rotation): void {
            for (const endpoint of ready) this.byOrdinal[endpoint.ordinal] ??= endpoint;
            this.ready = ready.map(({ ordinal }) => this.byOrdinal[ordinal]!);
          }
        })(),
    ],
    [
      'draws from dice of its own',
      'picks the same under the same seed',
      /Call \d+ went elsewhere in the second run/,
      () =>
        new (class extends Turns {
          override update(rotation: Rotation): void {
            super.update(rotation);
            this.turn += turns++;
          }
        })(),
    ],
    [
      'keeps the request',
      'does not keep the request',
      /Pick \d+ was another one when the request object was reused/,
      () =>
        new (class extends Turns {
          last: PickRequest | undefined;
          override pick(request: PickRequest): Endpoint {
            // By the key of the call before, as it believes.
            const key = this.last?.key ?? '';
            this.last = request;
            this.turn += key.length;
            return super.pick(request);
          }
        })(),
    ],
    [
      'puts keys into a plain object',
      'is not harmed by any key',
      /no ready endpoint/,
      () =>
        new (class extends Turns {
          readonly owners: Record<string, Endpoint | undefined> = {};
          override pick(request: PickRequest): Endpoint {
            const key = String(request.key);
            const owner = this.owners[key] ?? super.pick(request);
            if (this.ready.length === 3) this.owners[key] = owner;
            return owner;
          }
        })(),
    ],
    [
      'makes a list for each pick',
      'allocates nothing for a pick',
      /A pick leaves \d+\.\d bytes behind/,
      () =>
        new (class extends Turns {
          kept: Endpoint[] = [];
          override pick(request: PickRequest): Endpoint {
            this.kept = this.ready.filter((endpoint) => request.tried?.includes(endpoint) !== true);
            return super.pick(request);
          }
        })(),
    ],
    [
      'makes a set of what was tried',
      'allocates nothing for a pick after a failed attempt',
      /A pick that avoids two endpoints leaves \d+\.\d bytes behind/,
      () =>
        new (class extends Turns {
          avoid = new Set<Endpoint>();
          override pick(request: PickRequest): Endpoint {
            if (request.tried !== undefined) this.avoid = new Set(request.tried);
            return super.pick(request);
          }
        })(),
    ],
    [
      'writes down every outcome',
      'allocates nothing when a call ends',
      /A pick and its observe leave \d+\.\d bytes behind/,
      () =>
        new (class extends Turns {
          last: object = {};
          observe(endpoint: Endpoint): void {
            this.last = { endpoint, before: [this.ready.length] };
          }
        })(),
    ],
    [
      'begins with the first at every update',
      'keeps its shares when the rotation is renewed all the time',
      /one of four equals got/,
      () =>
        new (class extends Turns {
          override update(rotation: Rotation): void {
            super.update(rotation);
            this.turn = -1;
          }
        })(),
    ],
    [
      'goes to the first of those with the fewest calls',
      'shares calls out evenly among equals',
      /one of five equals got 100\.00 % of the calls, not 20\.00 % ± 10\.00 % of that; all shares: 100\.00 %, 0\.00 %, 0\.00 %, 0\.00 %, 0\.00 %\.$/,
      () =>
        new (class extends Turns {
          override pick({ tried }: PickRequest): Endpoint {
            let best = this.untried(tried) ?? this.ready[0]!;
            for (const endpoint of this.ready) {
              if (tried?.includes(endpoint) !== true && endpoint.inflight < best.inflight) best = endpoint;
            }
            return best;
          }
        })(),
    ],
    [
      'minds the weight from discovery and not the one in use',
      'gives an endpoint in slow start as much less as its weight in use says',
      /at a fifth of its weight got 25\.00 % of the calls, not 6 %/,
      () =>
        new (class extends Turns {
          override pick({ tried }: PickRequest): Endpoint {
            this.turn = (this.turn + 1) % this.ready.length;
            const endpoint = this.ready[this.turn]!;
            return tried?.includes(endpoint) === true ? (this.untried(tried) ?? endpoint) : endpoint;
          }
        })(),
    ],
    [
      'sends nothing to one in slow start',
      'gives an endpoint in slow start as much less as its weight in use says',
      /at a fifth of its weight got 0\.00 % of the calls, not 6 %/,
      () =>
        new (class extends Turns {
          override update(rotation: Rotation): void {
            super.update({ ...rotation, ready: rotation.ready.filter(({ weight, spec }) => weight === spec.weight) });
          }
        })(),
    ],
    [
      'gives all that one in slow start leaves to the first',
      'gives an endpoint in slow start as much less as its weight in use says',
      /one of the three others got \d+\.\d\d % of the calls, not 31\.\d\d % ± 20\.00 % of that/,
      () =>
        new (class extends Turns {
          calls = 0;
          override pick(request: PickRequest): Endpoint {
            const warming = this.ready.find(({ weight, spec }) => weight < spec.weight);
            if (warming === undefined) return super.pick(request);
            const { calls } = this;
            this.calls = (calls + 1) % 16;
            return calls === 0 ? warming : this.ready[calls < 4 ? 3 : calls < 8 ? 2 : 0]!;
          }
        })(),
    ],
    [
      'never takes back who was ejected',
      'sends nothing to an ejected endpoint, and something when it is back',
      /got none of 4,000 calls/,
      () =>
        new (class extends Turns {
          readonly out = new Set<Endpoint>();
          override update(rotation: Rotation): void {
            super.update(rotation);
            for (const endpoint of rotation.members) if (endpoint.state === 'ejected') this.out.add(endpoint);
            const trusted = rotation.ready.filter((endpoint) => !this.out.has(endpoint));
            if (trusted.length > 0) this.ready = trusted;
          }
        })(),
    ],
  ];
  let turns = 0;

  it.each(spoiled)('find one that %s', (_, name, says, create) => {
    expect(saidBy(name, policy(create))).toMatch(says);
  });

  it('find one that ignores weights, unless that is on purpose', () => {
    const make = policy(() => new Turns());
    const name = 'gives each its share by weight in the long run';
    const failed = failing(make, {});
    expect([...failed.keys()]).toEqual([name]);
    expect(failed.get(name)).toMatch(/weight 1 of 12 got 25\.00 % of the calls, not 8\.33 %/);
  });

  it('find one whose keys wander, where keys decide', () => {
    const failed = failing(policy(() => new Turns(), { usesKey: true }));
    expect([...failed.keys()]).toEqual(['sends a key to the same endpoint while the rotation stays']);
  });

  it('ask nothing about shares of one that has other purposes', () => {
    const first = policy(
      () =>
        new (class extends Turns {
          override pick({ tried }: PickRequest): Endpoint {
            return this.untried(tried) ?? this.ready[0]!;
          }
        })(),
    );
    const traits = { evenWithin: false, weightsWithin: false } as const;
    expect([...failing(first, traits)]).toEqual([]);
  });

  it('refuse traits that there are not', () => {
    const make = policy(() => new Turns());
    expect(() => policyChecks(make, { evenWihin: 0.1 } as never)).toThrow(/policyChecks\.evenWihin is not an option/);
    expect(() => policyChecks(make, { weightsWithin: -1 })).toThrow(/policyChecks\.weightsWithin is -1/);
  });

  it('tell the shortest history they can find', () => {
    const said = saidBy(
      HISTORY,
      policy(
        () =>
          new (class extends Turns {
            override update({ members }: Rotation): void {
              this.ready = members;
            }
          })(),
      ),
    );
    expect(said).toMatch(/after (eject|probe)(, nothing)?\.$/);
  });
});
