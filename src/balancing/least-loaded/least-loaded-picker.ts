import type { Endpoint, Rotation } from '../../endpoint/endpoint.js';
import type { Random } from '../../runtime/random.js';
import { EndpointSlots } from '../endpoint-slots.js';
import { type Oddities, Oddity } from '../oddities.js';
import type { Description, Picker, PickRequest, Preview } from '../policy.js';
import { ClassHeap } from './class-heap.js';
import { CountBuckets } from './count-buckets.js';

/**
 * The true minimum of calls in flight per weight. Endpoints of one weight form a class, sorted by
 * their calls in flight; a heap over the classes names the one whose least loaded endpoint is the
 * least loaded of all. With equal weights there is one class and the heap is idle.
 *
 * The counters live on the endpoints, and others change them too: other subsets, sticky calls. This
 * keeps what it saw last, and stays exact by one invariant: what it saw is never more than what is
 * true. Every end of a call is reported to it (`observe`), and every beginning is found out when it
 * matters, which is when the endpoint comes up as the minimum: then it is put where it belongs and
 * the search goes on. Each beginning is found out once at most, so a pick costs O(1) amortised, and
 * O(log of the number of different weights).
 */
export class LeastLoadedPicker implements Picker {
  readonly #random: Random;
  readonly #weightOf: (endpoint: Endpoint) => number;
  readonly #oddities: Oddities | undefined;
  #slots = new EndpointSlots();
  #classes: readonly WeightClass[] = [];
  #classOf: Int32Array = new Int32Array(0);
  #memberOf: Int32Array = new Int32Array(0);
  #heap: ClassHeap = new ClassHeap([], []);

  constructor(random: Random, weightOf: (endpoint: Endpoint) => number, oddities?: Oddities) {
    this.#oddities = oddities;
    this.#random = random;
    this.#weightOf = weightOf;
  }

  update(rotation: Rotation): void {
    const { ready } = rotation;
    const byWeight = new Map<number, { readonly index: number; readonly endpoints: Endpoint[] }>();
    this.#slots.update(ready);
    this.#classOf = new Int32Array(ready.length);
    this.#memberOf = new Int32Array(ready.length);
    for (let slot = 0; slot < ready.length; slot++) {
      const endpoint = ready[slot]!;
      const weight = this.#weightOf(endpoint);
      let group = byWeight.get(weight);
      if (group === undefined) {
        group = { index: byWeight.size, endpoints: [] };
        byWeight.set(weight, group);
      }
      this.#classOf[slot] = group.index;
      this.#memberOf[slot] = group.endpoints.push(endpoint) - 1;
    }
    this.#classes = Array.from(byWeight, ([weight, { endpoints }]) => ({
      weight,
      endpoints,
      buckets: new CountBuckets(endpoints.map(({ inflight }) => inflight)),
    }));
    this.#heap = new ClassHeap(
      this.#classes.map(({ weight }) => weight),
      this.#classes.map(({ buckets }) => buckets.least),
    );
    // Where each class has its turn among equals is drawn anew, or frequent updates would favour
    // some class.
    for (const [index, { buckets }] of this.#classes.entries()) this.#heap.shuffle(index, buckets.ties, this.#random);
  }

  pick(request: PickRequest): Endpoint {
    const { tried } = request;
    const heap = this.#heap;
    let refused = 0;
    for (;;) {
      const index = heap.top;
      const { buckets, endpoints } = this.#classes[index]!;
      const { least } = buckets;
      const member = buckets.tied(this.#random.below(buckets.ties));
      const endpoint = endpoints[member]!;
      const { inflight } = endpoint;
      if (inflight > least) {
        buckets.set(member, inflight);
        if (buckets.least !== least) heap.set(index, buckets.least);
        continue;
      }
      if (tried?.includes(endpoint)) {
        this.#oddities?.count(Oddity.tried);
        if (++refused < MAX_REDRAWS) continue;
        this.#oddities?.count(Oddity.searched);
        return this.#scanUntried(tried, endpoint);
      }
      heap.took(index, buckets.ties);
      return endpoint;
    }
  }

  observe(endpoint: Endpoint): void {
    const slot = this.#slots.of(endpoint);
    if (slot === -1) return;
    const index = this.#classOf[slot]!;
    const { buckets } = this.#classes[index]!;
    const { least } = buckets;
    buckets.lower(this.#memberOf[slot]!, endpoint.inflight);
    if (buckets.least !== least) this.#heap.set(index, buckets.least);
  }

  describe(endpoint: Endpoint): Description {
    const weight = this.#weightOf(endpoint);
    return { cost: endpoint.inflight / weight, parts: { inflight: endpoint.inflight, weight } };
  }

  preview(request: PickRequest, random: Random): Preview {
    const twin = new LeastLoadedPicker(random, this.#weightOf);
    twin.#slots = this.#slots;
    twin.#classes = this.#classes.map((each) => ({ ...each, buckets: each.buckets.copy() }));
    twin.#heap = this.#heap.copy();
    const endpoint = twin.pick(request);
    return { endpoint, drew: [endpoint] };
  }

  /** A retry whose first endpoints are the least loaded: seldom, so it may look at all of them. */
  #scanUntried(tried: readonly Endpoint[], fallback: Endpoint): Endpoint {
    const { endpoints } = this.#slots;
    const start = this.#random.below(endpoints.length);
    let best = fallback;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < endpoints.length; i++) {
      const endpoint = endpoints[(start + i) % endpoints.length]!;
      const load = endpoint.inflight / this.#weightOf(endpoint);
      if (load < least && !tried.includes(endpoint)) {
        best = endpoint;
        least = load;
      }
    }
    return best;
  }
}

interface WeightClass {
  readonly weight: number;
  readonly endpoints: readonly Endpoint[];
  readonly buckets: CountBuckets;
}

/** A tried endpoint drawn again so often: there are few others with as little load, if any. */
const MAX_REDRAWS = 4;
