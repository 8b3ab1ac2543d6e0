import type { OddityBook } from '../balancing/oddities.js';
import type {
  Description,
  Picker,
  PickRequest,
  Policy,
  PolicyContext,
  Preview,
  ProbeSource,
} from '../balancing/policy.js';
import type { Endpoint } from '../endpoint/endpoint.js';
import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import type { RotationGroup } from '../endpoint/rotation/rotation.js';
import { hash32, hashBytes32 } from '../runtime/hash.js';
import type { Outcome } from '../runtime/outcome.js';
import type { Random } from '../runtime/random.js';

/** Shares are compared as integers: a drawn double would be boxed. */
const WHOLE = 2 ** 30;

/** Pickers of groups that are gone are kept in case they return: at most this many. */
const MAX_PICKERS = 256;

/** What the pickers of one view need to be made. */
export interface PickerHost {
  readonly name: string;
  readonly clock: PolicyContext['clock'];
  readonly random: Random;
  readonly probes: ProbeSource | undefined;
}

/**
 * One picker per group of the rotation: where priorities or zones share the calls, a draw chooses
 * the group and its picker the endpoint. As one group is the rule, its pick costs a comparison more
 * than the picker's. A policy that goes by key draws by the key, so that a key keeps its group
 * while the shares stay.
 */
export class GroupPickers {
  readonly #policy: Policy;
  readonly #context: PolicyContext;
  readonly #byKey = new Map<string, Picker>();
  /** Those of the groups in use, in their order, and up to which drawn number each is chosen. */
  #pickers: readonly Picker[] = [];
  #upTo: Int32Array = new Int32Array(0);
  #groups: readonly RotationGroup[] = [];
  #only: Picker | undefined;

  constructor(
    policy: Policy,
    { clock, random, name, probes }: PickerHost,
    { weighed, built }: Pick<PolicyContext, 'weighed' | 'built'>,
    book: OddityBook,
  ) {
    this.#policy = policy;
    this.#context = {
      clock,
      random,
      service: name,
      probes,
      weighed,
      built,
      // Of policies that ask for them alone: others have none to show.
      get oddities() {
        return book.of(policy.name);
      },
    };
    // Made at once: what the policy refuses is refused when the service is made, not when endpoints
    // come.
    this.#only = policy.create(this.#context);
    this.#byKey.set(FIRST, this.#only);
  }

  get observes(): boolean {
    return this.#byKey.get(FIRST)!.observe !== undefined;
  }

  /** Whether one of those in use is not prepared yet for its first rotation. */
  get building(): boolean {
    return this.#pickers.some((picker) => picker.building === true);
  }

  /** `groups` is not empty. */
  update(groups: readonly RotationGroup[]): void {
    this.#groups = groups;
    if (this.#byKey.size > MAX_PICKERS) this.#forgetOthers(groups);
    this.#pickers = groups.map((group, index) => {
      // The first group's picker is the same whatever the group: it is the one that exists in all
      // cases.
      const picker = this.#pickerOf(index === 0 ? FIRST : group.key);
      picker.update(group.rotation);
      return picker;
    });
    this.#only = groups.length === 1 ? this.#pickers[0] : undefined;
    let sum = 0;
    this.#upTo = Int32Array.from(groups, ({ share }) => {
      sum += share;
      return Math.round(sum * WHOLE);
    });
  }

  pick(request: PickRequest): LiveEndpoint {
    if (this.#only !== undefined) return this.#only.pick(request) as LiveEndpoint;
    const chosen = this.#draw(request, this.#context.random);
    const endpoint = this.#pickers[chosen]!.pick(request) as LiveEndpoint;
    const { tried } = request;
    if (tried === undefined || !tried.includes(endpoint)) return endpoint;
    // A picker returns one that was tried when its whole group was: then another group, nearest
    // first.
    for (const picker of this.#pickers) {
      const other = picker.pick(request) as LiveEndpoint;
      if (!tried.includes(other)) return other;
    }
    return endpoint;
  }

  /** As `pick`, by draws from `random`; undefined where the policy does not say. */
  preview(request: PickRequest, random: Random): Preview | undefined {
    const chosen = this.#only ?? this.#pickers[this.#draw(request, random)]!;
    const preview = chosen.preview?.(request, random);
    const { tried } = request;
    if (this.#only !== undefined || preview === undefined || !tried?.includes(preview.endpoint)) return preview;
    for (const picker of this.#pickers) {
      const other = picker.preview?.(request, random);
      if (other !== undefined && !tried.includes(other.endpoint)) return other;
    }
    return preview;
  }

  /** What the picker of its group makes of an endpoint. */
  describe(endpoint: Endpoint, request: PickRequest): Description | undefined {
    const group = this.#groups.findIndex(({ rotation }) => rotation.ready.includes(endpoint));
    return this.#pickers[group]?.describe?.(endpoint, request);
  }

  observe(endpoint: Endpoint, outcome: Outcome, latencyMs: number, nowMs: number): void {
    for (const picker of this.#byKey.values()) picker.observe?.(endpoint, outcome, latencyMs, nowMs);
  }

  close(): void {
    for (const picker of this.#byKey.values()) picker.close?.();
  }

  #draw({ key }: PickRequest, random: Random): number {
    let drawn: number;
    if (key === undefined || this.#policy.usesKey !== true) drawn = random.below(WHOLE);
    else drawn = (typeof key === 'string' ? hash32(key) : hashBytes32(key)) >>> 2;
    const last = this.#upTo.length - 1;
    for (let i = 0; i < last; i++) if (drawn < this.#upTo[i]!) return i;
    return last;
  }

  #pickerOf(key: string): Picker {
    let picker = this.#byKey.get(key);
    if (picker === undefined) {
      picker = this.#policy.create(this.#context);
      this.#byKey.set(key, picker);
    }
    return picker;
  }

  #forgetOthers(groups: readonly RotationGroup[]): void {
    const kept = new Set([FIRST, ...groups.map(({ key }) => key)]);
    for (const [key, picker] of this.#byKey) {
      if (kept.has(key)) continue;
      picker.close?.();
      this.#byKey.delete(key);
    }
  }
}

const FIRST = '(first)';
