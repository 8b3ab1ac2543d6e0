import type { Picker, PickRequest, Policy, PolicyContext } from '../../balancing/policy.js';
import type { Endpoint, EndpointSpec, Rotation } from '../../endpoint/endpoint.js';
import type { LiveEndpoint } from '../../endpoint/live-endpoint.js';
import { Membership } from '../../endpoint/membership.js';
import type { RoutingKey } from '../../runtime/context.js';
import { Outcome } from '../../runtime/outcome.js';
import { seededRandom } from '../../runtime/random.js';
import { toTick } from '../../runtime/ticks.js';
import { fakeEndpoints } from '../fake-endpoints.js';
import { ManualClock } from '../manual-clock.js';

/** How long each call takes that is answered at once. */
export const ANSWER_MS = 10;

/** The time constant of latency where a policy sets none. */
const DEFAULT_DECAY_MS = 10_000;

interface Open {
  readonly endpoint: LiveEndpoint;
  readonly startMs: number;
}

export interface StageOptions {
  readonly weights: readonly number[];
  readonly seed: number;
  readonly context: ((clock: ManualClock) => Partial<PolicyContext>) | undefined;
}

/**
 * A picker and the part of the core that it sees: real endpoints with real counters, a membership
 * that reuses the places of departed ones for new ones, rotations that come and go.
 */
export class Stage {
  readonly policy: Policy;
  readonly picker: Picker;
  readonly clock: ManualClock = new ManualClock(1_000);
  ready: readonly LiveEndpoint[] = [];
  readonly #membership = new Membership('conformance');
  readonly #request: { -readonly [K in keyof PickRequest]: PickRequest[K] } = {
    key: undefined,
    tried: undefined,
    nowMs: Number.NaN,
  };
  readonly #open: Open[] = [];
  /**
   * What the picker was given last. Not frozen: real lists are not, and going through a frozen one
   * costs more.
   */
  #given: Rotation = { ready: [], members: [], panic: false };
  #specs: readonly EndpointSpec[] = [];
  #made = 0;

  constructor(policy: Policy, { weights, seed, context }: StageOptions) {
    this.policy = policy;
    const { clock } = this;
    this.picker = policy.create({ clock, random: seededRandom(seed), service: 'conformance', ...context?.(clock) });
    this.list(weights.map((weight) => this.made(weight)));
  }

  get members(): readonly LiveEndpoint[] {
    return this.#membership.members;
  }

  get specs(): readonly EndpointSpec[] {
    return this.#specs;
  }

  get inflight(): number {
    return this.#open.length;
  }

  /** An instance that has not been there yet. */
  made(weight: number): EndpointSpec {
    const place = this.#made++;
    return { ...fakeEndpoints(1)[0]!, id: String(place).padStart(3, '0'), port: 1 + place, weight };
  }

  /** Discovery lists these. */
  list(specs: readonly EndpointSpec[]): void {
    this.#specs = specs;
    this.#membership.apply(specs);
    this.renew();
  }

  /** A rotation as the core makes them; all members where none is ready. */
  renew(): void {
    const { members } = this;
    const usesKey = this.policy.usesKey === true;
    // Where keys decide, a returning endpoint stands in the list, so that its own keys can probe
    // it.
    const ready = members.filter(({ state }) => state === 'ready' || (usesKey && state === 'probing'));
    const panic = ready.length === 0;
    this.ready = panic ? [...members] : ready;
    this.#given = { ready: [...this.ready], members: [...members], panic };
    this.picker.update(this.#given);
  }

  /** Whether the picker left the lists that it was given as they were. */
  get intact(): boolean {
    return sameList(this.#given.ready, this.ready) && sameList(this.#given.members, this.members);
  }

  /** Nothing but the choice, by the one request object that is used for all. */
  choose(key: RoutingKey | undefined, tried: readonly Endpoint[] | undefined): Endpoint {
    const request = this.#request;
    request.key = key;
    request.tried = tried;
    request.nowMs = this.policy.needsLatency ? this.clock.now() : Number.NaN;
    return this.picker.pick(request);
  }

  /** What `choose` returned becomes a call in progress. */
  begin(chosen: Endpoint): void {
    const endpoint = chosen as LiveEndpoint;
    const startMs = this.clock.now();
    if (this.policy.needsLatency) endpoint.beginTimed(startMs);
    else endpoint.begin();
    this.#open.push({ endpoint, startMs });
  }

  /** The oldest call in progress ends. */
  end(outcome: Outcome): void {
    const call = this.#open.shift();
    if (call === undefined) return;
    const { endpoint, startMs } = call;
    const nowMs = this.clock.now();
    if (this.policy.needsLatency) {
      endpoint.endTimed(outcome, toTick(startMs), nowMs, this.policy.decayMs ?? DEFAULT_DECAY_MS);
      this.picker.observe?.(endpoint, outcome, nowMs - startMs, nowMs);
    } else {
      endpoint.end(outcome);
      this.picker.observe?.(endpoint, outcome, Number.NaN, Number.NaN);
    }
    this.#membership.drained(endpoint);
  }

  /** One call from its pick to its answer. Returns the id of its endpoint. */
  call(key: RoutingKey | undefined): string {
    const chosen = this.choose(key, undefined);
    const { id } = chosen.spec;
    this.begin(chosen);
    this.clock.advance(ANSWER_MS);
    this.end(Outcome.Success);
    return id;
  }

  /**
   * The share of `calls` calls that each member gets, in the order of the members at the beginning.
   */
  shares(calls: number, key: (call: number) => RoutingKey | undefined, between?: () => void): number[] {
    const counts = new Map(this.members.map(({ spec }) => [spec.id, 0]));
    for (let i = 0; i < calls; i++) {
      const id = this.call(key(i));
      counts.set(id, (counts.get(id) ?? 0) + 1);
      between?.();
    }
    return [...counts.values()].map((count) => count / calls);
  }
}

function sameList(a: readonly Endpoint[], b: readonly Endpoint[]): boolean {
  return a.length === b.length && a.every((endpoint, place) => endpoint === b[place]);
}
