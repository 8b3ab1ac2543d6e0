import { FairleadError } from '../runtime/errors.js';
import { addressOf, type EndpointSpec, sameAddress, sameSpec } from './endpoint.js';
import { LiveEndpoint } from './live-endpoint.js';

export interface MembershipChange {
  readonly arrived: readonly LiveEndpoint[];
  /** Same instance, other weight, priority, zone, tags, meta or health. */
  readonly changed: readonly LiveEndpoint[];
  /** No longer listed; from now on draining. */
  readonly departed: readonly LiveEndpoint[];
  /** Were to be called and are not any longer: departed, or listed as not healthy. */
  readonly withdrawn: readonly LiveEndpoint[];
  /** Are to be called and were not before: arrived healthy, or healthy again. */
  readonly restored: readonly LiveEndpoint[];
  /** Specs that were left out, and why. */
  readonly refused: readonly FairleadError[];
}

/**
 * Turns snapshots into arrivals, changes and departures. An instance is the same one while its id
 * and its address stay: an id that comes back at another address is a new process with nothing to
 * inherit. One that left and returns while its last calls are still running is revived with all its
 * counters. One that its registry calls unhealthy stays a member, with all that was learnt of it,
 * and is left out of `serving`.
 */
export class Membership {
  readonly #service: string;
  #byId = new Map<string, LiveEndpoint>();
  #members: readonly LiveEndpoint[] = [];
  #serving: readonly LiveEndpoint[] = [];
  readonly #draining = new Set<LiveEndpoint>();
  readonly #freeOrdinals: number[] = [];
  #ordinals = 0;

  constructor(service: string) {
    this.#service = service;
  }

  /** What discovery lists, in the order of the ids, so that every client sees the same order. */
  get members(): readonly LiveEndpoint[] {
    return this.#members;
  }

  /**
   * Those of them that discovery does not call unhealthy; `members` itself where that is all of
   * them.
   */
  get serving(): readonly LiveEndpoint[] {
    return this.#serving;
  }

  get draining(): ReadonlySet<LiveEndpoint> {
    return this.#draining;
  }

  byId(id: string): LiveEndpoint | undefined {
    return this.#byId.get(id);
  }

  apply(specs: readonly EndpointSpec[]): MembershipChange {
    const arrived: LiveEndpoint[] = [];
    const changed: LiveEndpoint[] = [];
    const withdrawn: LiveEndpoint[] = [];
    const restored: LiveEndpoint[] = [];
    const refused: FairleadError[] = [];
    const next = new Map<string, LiveEndpoint>();
    // By identity, once: a list that is new from end to end would search all of them for each of
    // its endpoints.
    const draining =
      this.#draining.size === 0 ? undefined : new Map([...this.#draining].map((each) => [identityOf(each.spec), each]));
    for (const spec of specs) {
      // A resolver that keeps its objects makes the rest free: of a long list, little changes at a
      // time.
      const same = this.#byId.get(spec?.id);
      if (same !== undefined && same.spec === spec && !next.has(spec.id)) {
        next.set(spec.id, same);
        continue;
      }
      const reason = whyInvalid(spec, next);
      if (reason !== undefined) {
        refused.push(this.#refuse(spec, reason));
        continue;
      }
      const known = this.#byId.get(spec.id) ?? draining?.get(identityOf(spec));
      if (known === undefined || !sameAddress(known.spec, spec)) {
        const endpoint = new LiveEndpoint(spec, this.#takeOrdinal());
        next.set(spec.id, endpoint);
        arrived.push(endpoint);
        if (!endpoint.withdrawn) restored.push(endpoint);
        continue;
      }
      next.set(spec.id, known);
      if (this.#draining.delete(known)) {
        known.revive();
        known.ordinal = this.#takeOrdinal();
        known.respecify(spec);
        arrived.push(known);
        if (!known.withdrawn) restored.push(known);
      } else if (!sameSpec(known.spec, spec)) {
        const was = known.withdrawn;
        known.respecify(spec);
        changed.push(known);
        if (known.withdrawn !== was) (was ? restored : withdrawn).push(known);
      }
    }
    const departed: LiveEndpoint[] = [];
    for (const endpoint of this.#members) {
      if (next.get(endpoint.spec.id) === endpoint) continue;
      if (!endpoint.withdrawn) withdrawn.push(endpoint);
      endpoint.depart();
      departed.push(endpoint);
      this.#freeOrdinals.push(endpoint.ordinal);
      if (endpoint.inflight > 0) this.#draining.add(endpoint);
    }
    this.#byId = next;
    if (arrived.length > 0 || departed.length > 0) {
      this.#members = [...next.values()].sort((a, b) => (a.spec.id < b.spec.id ? -1 : 1));
    }
    if (arrived.length > 0 || departed.length > 0 || withdrawn.length > 0 || restored.length > 0) {
      const all = this.#members;
      this.#serving = all.some(isWithdrawn) ? all.filter((endpoint) => !endpoint.withdrawn) : all;
    }
    return { arrived, changed, departed, withdrawn, restored, refused };
  }

  /**
   * A call on a draining endpoint ended. True when it was the last one: nothing is kept of it any
   * longer.
   */
  drained(endpoint: LiveEndpoint): boolean {
    return endpoint.inflight === 0 && this.#draining.delete(endpoint);
  }

  /**
   * Those of departed endpoints first, so that ordinals stay below the largest membership there
   * was.
   */
  #takeOrdinal(): number {
    return this.#freeOrdinals.pop() ?? this.#ordinals++;
  }

  #refuse(spec: EndpointSpec, reason: string): FairleadError {
    const id = String(spec?.id);
    return new FairleadError(
      'FAIRLEAD_INVALID_OPTION',
      `Endpoint '${id}' of service '${this.#service}' is left out: ${reason}.`,
      { service: this.#service, endpoint: id },
    );
  }
}

const MAX_WEIGHT = 65_535;
const MAX_PRIORITY = 127;

/**
 * Specs come from the network: whatever is wrong with one must not reach the arithmetic of a
 * policy.
 */
function whyInvalid(spec: EndpointSpec, seen: ReadonlyMap<string, LiveEndpoint>): string | undefined {
  if (typeof spec !== 'object' || spec === null) return 'it is not an object';
  if (typeof spec.id !== 'string' || spec.id === '') return 'it has no id';
  if (seen.has(spec.id)) return 'another endpoint has the same id';
  if (typeof spec.host !== 'string' || spec.host === '') return 'it has no host';
  if (!Number.isInteger(spec.port) || spec.port < 1 || spec.port > 65_535) return `its port is ${spec.port}`;
  if (!(spec.weight > 0 && spec.weight <= MAX_WEIGHT)) return `its weight is ${spec.weight}`;
  const { registeredWeight: registered = spec.weight, healthy = true } = spec;
  if (!(registered > 0 && registered <= MAX_WEIGHT)) return `its registered weight is ${registered}`;
  if (typeof healthy !== 'boolean') return 'its health is neither true nor false';
  if (!Number.isInteger(spec.priority) || spec.priority < 0 || spec.priority > MAX_PRIORITY) {
    return `its priority is ${spec.priority}`;
  }
  if (typeof spec.zone !== 'string') return 'its zone is no string';
  if (!Array.isArray(spec.tags) || !spec.tags.every(isText)) return 'its tags are no list of strings';
  if (typeof spec.meta !== 'object' || spec.meta === null || !Object.values(spec.meta).every(isText)) {
    return 'its meta is no object of strings';
  }
  return undefined;
}

function isWithdrawn(endpoint: LiveEndpoint): boolean {
  return endpoint.withdrawn;
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}

/** The same instance while these stay. */
function identityOf(spec: EndpointSpec): string {
  return `${spec.id} ${addressOf(spec)}`;
}
