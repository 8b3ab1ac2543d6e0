import type { Oddities, OddityBook } from '../balancing/oddities.js';
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

/** Whom pickers tell of what they do. */
export interface Tells {
  readonly weighed: PolicyContext['weighed'];
  /** A picker that prepared for its rotation is ready. */
  built(): void;
}

const NO_PICKERS: readonly Picker[] = [];
const NO_GROUPS: readonly RotationGroup[] = [];

/** Of one group: the only one has all calls. */
const NO_SHARES = new Int32Array(0);

/**
 * One picker per group of the rotation: where priorities or zones share the calls, a draw chooses
 * the group and its picker the endpoint. As one group is the rule, its pick costs a comparison more
 * than the picker's. A policy that goes by key draws by the key, so that a key keeps its group
 * while the shares stay.
 */
export class GroupPickers {
  readonly #policy: Policy;
  readonly #context: PolicyContext;
  /** The picker that exists in all cases: whatever group is the first has it. */
  readonly #first: Picker;
  /** Those of the groups after the first. */
  #others: Map<string, Picker> | undefined;
  /**
   * Those of the groups in use, in their order, and up to which drawn number each is chosen. None
   * where there is the only one.
   */
  #pickers: readonly Picker[] = NO_PICKERS;
  #upTo: Int32Array = NO_SHARES;
  #groups: readonly RotationGroup[] = NO_GROUPS;
  #only: Picker | undefined;

  constructor(policy: Policy, host: PickerHost, tells: Tells, book: OddityBook) {
    this.#policy = policy;
    this.#context = new ContextOf(policy, book, host, tells);
    // Made at once: what the policy refuses is refused when the service is made, not when endpoints
    // come.
    this.#only = policy.create(this.#context);
    this.#first = this.#only;
  }

  get observes(): boolean {
    return this.#first.observe !== undefined;
  }

  /** Whether one of those in use is not prepared yet for its first rotation. */
  get building(): boolean {
    if (this.#only !== undefined) return this.#groups.length > 0 && this.#only.building === true;
    return this.#pickers.some((picker) => picker.building === true);
  }

  /** `groups` is not empty. */
  update(groups: readonly RotationGroup[]): void {
    this.#groups = groups;
    if (this.#others !== undefined && this.#others.size >= MAX_PICKERS) this.#forgetOthers(this.#others, groups);
    if (groups.length === 1) {
      // Before all else, as a user's policy may throw: what was in use stays so.
      this.#first.update(groups[0]!.rotation);
      this.#only = this.#first;
      this.#pickers = NO_PICKERS;
      this.#upTo = NO_SHARES;
      return;
    }
    this.#pickers = groups.map((group, index) => {
      const picker = index === 0 ? this.#first : this.#pickerOf(group.key);
      picker.update(group.rotation);
      return picker;
    });
    this.#only = undefined;
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
    return (group === 0 ? this.#first : this.#pickers[group])?.describe?.(endpoint, request);
  }

  observe(endpoint: Endpoint, outcome: Outcome, latencyMs: number, nowMs: number): void {
    this.#first.observe?.(endpoint, outcome, latencyMs, nowMs);
    if (this.#others === undefined) return;
    for (const picker of this.#others.values()) picker.observe?.(endpoint, outcome, latencyMs, nowMs);
  }

  close(): void {
    this.#first.close?.();
    for (const picker of this.#others?.values() ?? []) picker.close?.();
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
    this.#others ??= new Map();
    let picker = this.#others.get(key);
    if (picker === undefined) {
      picker = this.#policy.create(this.#context);
      this.#others.set(key, picker);
    }
    return picker;
  }

  #forgetOthers(others: Map<string, Picker>, groups: readonly RotationGroup[]): void {
    const kept = new Set(groups.map(({ key }) => key));
    for (const [key, picker] of others) {
      if (kept.has(key)) continue;
      picker.close?.();
      others.delete(key);
    }
  }
}

/** A class, as an object literal with a getter is kept as a dictionary. */
class ContextOf implements PolicyContext {
  readonly clock: PolicyContext['clock'];
  readonly random: Random;
  readonly service: string;
  readonly probes: ProbeSource | undefined;
  readonly #tells: Tells;
  readonly #policy: Policy;
  readonly #book: OddityBook;

  constructor(policy: Policy, book: OddityBook, { clock, random, name, probes }: PickerHost, tells: Tells) {
    this.#policy = policy;
    this.#book = book;
    this.clock = clock;
    this.random = random;
    this.service = name;
    this.probes = probes;
    this.#tells = tells;
  }

  get weighed(): PolicyContext['weighed'] {
    const { weighed } = this.#tells;
    return (
      weighed &&
      ((weighing) => {
        try {
          weighed(weighing);
        } catch {
          // Metrics that fail stop no call.
        }
      })
    );
  }

  get built(): PolicyContext['built'] {
    return () => this.#tells.built();
  }

  /** Of policies that ask for them alone: others have none to show. */
  get oddities(): Oddities {
    return this.#book.of(this.#policy.name);
  }
}
