import {
  createMesh,
  type Endpoint,
  type Lease,
  Outcome,
  type PolicyName,
  type ProbeSource,
  type RoutingKey,
} from 'fairlead';
import { fakeEndpoints, ManualClock, seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { LiveEndpoint } from '../../src/endpoint/live-endpoint.js';
import { bytesPer } from '../support/bytes.js';
import { endpoints, testMesh } from '../support/mesh.js';

/**
 * What a pick costs, in figures that no other work on the machine can change: bytes, and endpoints
 * looked at. Nanoseconds are measured by `npm run bench -- pick`, and hold nothing up.
 */
interface Cost {
  /** Bytes per acquire and done: the lease, and for some a number or two that V8 boxes. */
  readonly bytes: number;
  /** Endpoints whose figures are read per pick, on average. */
  readonly looksAt: number;
}

const LEASE_BYTES = 48;
const BOXED = 16;

const costs: Readonly<Record<string, Cost>> = {
  round_robin: { bytes: LEASE_BYTES, looksAt: 0 },
  weighted_round_robin: { bytes: LEASE_BYTES, looksAt: 0 },
  random: { bytes: LEASE_BYTES, looksAt: 0 },
  // Each call that began is found out once; with calls ended at once there is one to look at.
  least_connections: { bytes: LEASE_BYTES, looksAt: 2 },
  weighted_least_connections: { bytes: LEASE_BYTES, looksAt: 2 },
  least_request: { bytes: LEASE_BYTES, looksAt: 2 },
  peak_ewma: { bytes: LEASE_BYTES + 2 * BOXED, looksAt: 2 },
  adaptive_weight: { bytes: LEASE_BYTES + 4 * BOXED, looksAt: 0 },
  consistent_hash: { bytes: LEASE_BYTES, looksAt: 0 },
  maglev: { bytes: LEASE_BYTES, looksAt: 0 },
  // O(n) over hashes of ids, which lie in an array of their own.
  rendezvous: { bytes: LEASE_BYTES, looksAt: 0 },
  ip_hash: { bytes: LEASE_BYTES, looksAt: 0 },
  prequal: { bytes: LEASE_BYTES, looksAt: 0 },
};

const { names } = createMesh().policies;
const KEYS = Array.from({ length: 256 }, (_, i) => `user:${i}`);
const silent: ProbeSource = { probe: (_endpoint, reply) => reply(1, 10) };

it('is known for every policy', () => expect(Object.keys(costs).sort()).toEqual([...names].sort()));

describe.each(Object.entries(costs) as [PolicyName, (typeof costs)[string]][])('a pick of %s', (policy, cost) => {
  it(`allocates ${cost.bytes} bytes with its done, whatever the number of endpoints`, () => {
    for (const count of [10, 1_000]) {
      const { mesh, clock } = testMesh({ users: endpoints(count) });
      const service = mesh.service('users', { policy, probes: silent });
      const requests = KEYS.map((key) => ({ key }));
      const leases: Lease[] = requests.slice(0, 8).map((request) => service.acquire(request));
      let turn = 0;
      clock.advance(1);
      const bytes = bytesPer(() => {
        leases[turn & 7]!.done(Outcome.Success);
        leases[turn & 7] = service.acquire(requests[turn++ & 255]);
      });
      expect(bytes).toBeLessThan(cost.bytes + 2);
    }
  });

  it(`looks at ${cost.looksAt} endpoints at most, on average, of a thousand`, () => {
    expect(looksPerPick(policy, undefined)).toBeLessThanOrEqual(cost.looksAt);
  });
});

describe('a pick with bounded loads', () => {
  it.each(['consistent_hash', 'maglev', 'rendezvous', 'ip_hash'] as const)(
    'of %s looks at the full ones before, its own, and one for the sum',
    (name) => {
      expect(looksPerPick(name, { maxLoadRatio: 2 })).toBeLessThanOrEqual(2.5);
    },
  );
});

/** Endpoints that a pick reads something of, and how often: the mean over calls that all go on. */
function looksPerPick(name: PolicyName, options: object | undefined): number {
  const COUNT = 1_000;
  const seen = new Set<Endpoint>();
  const all = fakeEndpoints(COUNT).map((spec, i) => new Watched({ ...spec, weight: 1 + (i % 7) }, i, seen));
  const policy = createMesh().policies.resolve(options === undefined ? name : ({ [name]: options } as never), 'policy');
  const clock = new ManualClock(1_000);
  const picker = policy.create({ clock, random: seededRandom(1), service: 'users', probes: silent });
  const ready = all as readonly Endpoint[];
  picker.update({ ready, members: ready, panic: false });
  let looks = 0;
  const PICKS = 3_000;
  for (let i = 0; i < PICKS; i++) {
    clock.advance(1);
    seen.clear();
    const key: RoutingKey = `user:${i}`;
    const picked = picker.pick({ key, tried: undefined, nowMs: clock.now() }) as Watched;
    looks += seen.size;
    picked.live.beginTimed(clock.now());
  }
  return looks / PICKS;
}

/** An endpoint that tells who was looked at. */
class Watched implements Endpoint {
  readonly live: LiveEndpoint;
  readonly #seen: Set<Endpoint>;
  constructor(spec: Endpoint['spec'], ordinal: number, seen: Set<Endpoint>) {
    this.live = new LiveEndpoint(spec, ordinal);
    this.#seen = seen;
  }
  #look(): LiveEndpoint {
    this.#seen.add(this);
    return this.live;
  }
  get spec(): Endpoint['spec'] {
    return this.#look().spec;
  }
  get ordinal(): number {
    return this.#look().ordinal;
  }
  get state(): Endpoint['state'] {
    return this.#look().state;
  }
  get inflight(): number {
    return this.#look().inflight;
  }
  get weight(): number {
    return this.#look().weight;
  }
  get latencyMs(): number {
    return this.#look().latencyMs;
  }
  get latencyAtMs(): number {
    return this.#look().latencyAtMs;
  }
  get failureRatio(): number {
    return this.#look().failureRatio;
  }
  get calls(): number {
    return this.#look().calls;
  }
  get failures(): number {
    return this.#look().failures;
  }
  inflightAgeMs(nowMs: number): number {
    return this.#look().inflightAgeMs(nowMs);
  }
}
