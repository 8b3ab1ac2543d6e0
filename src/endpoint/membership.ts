import { FairleadError } from '../runtime/errors.js';
import { AbsentEndpoints } from './absent.js';
import { type EndpointSpec, isWeight, sameAddress, sameSpec } from './endpoint.js';
import { byId, ListBefore, mergeById } from './list-before.js';
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

const NONE = new Set<string>();
const NO_ENDPOINTS: readonly LiveEndpoint[] = [];

/** Of more endpoints than this there is an index by id: one of one endpoint takes 0.2 kB. */
const FEW = 8;

/**
 * Turns snapshots into arrivals, changes and departures. An instance is the same one while its id
 * and its address stay: an id that comes back at another address is a new process with nothing to
 * inherit. One that left and returns is revived with all that was learnt of it, while
 * `AbsentEndpoints` remembers it. One that its registry calls unhealthy stays a member, with all
 * that was learnt of it, and is left out of `serving`.
 */
export class Membership {
  readonly #service: string;
  readonly #absent: AbsentEndpoints;
  /** Undefined while there are so few that looking through them is as quick. */
  #byId: Map<string, LiveEndpoint> | undefined;
  /** In the order of the last list. */
  #listed: readonly LiveEndpoint[] = NO_ENDPOINTS;
  #members: readonly LiveEndpoint[] = NO_ENDPOINTS;
  #serving: readonly LiveEndpoint[] = NO_ENDPOINTS;
  #freeOrdinals: number[] | undefined;
  #ordinals = 0;
  /** What the last list had wrong: said once, not with every list. */
  #complaints: ReadonlySet<string> = NONE;

  constructor(service: string, absent: AbsentEndpoints = new AbsentEndpoints()) {
    this.#service = service;
    this.#absent = absent;
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
    return this.#absent.draining;
  }

  byId(id: string): LiveEndpoint | undefined {
    if (this.#byId !== undefined) return this.#byId.get(id);
    for (const endpoint of this.#members) if (endpoint.spec.id === id) return endpoint;
    return undefined;
  }

  apply(specs: readonly EndpointSpec[]): MembershipChange {
    const arrived: LiveEndpoint[] = [];
    const changed: LiveEndpoint[] = [];
    const withdrawn: LiveEndpoint[] = [];
    const restored: LiveEndpoint[] = [];
    const refused: FairleadError[] = [];
    const listed: LiveEndpoint[] = [];
    const came = new Map<string, LiveEndpoint>();
    const stayed = new Uint8Array(this.#ordinals);
    let complaints = NONE;
    const before = new ListBefore(this.#listed, this);
    for (const spec of specs) {
      const same = before.find(spec);
      const seen = (same !== undefined && stayed[same.ordinal] === 1) || (came.size > 0 && came.has(spec?.id));
      // A resolver that keeps its objects makes the rest free: of a long list, little changes at a
      // time.
      if (same !== undefined && same.spec === spec && !seen) {
        stayed[same.ordinal] = 1;
        listed.push(same);
        continue;
      }
      const reason = whyInvalid(spec, seen);
      if (reason !== undefined) {
        const complaint = `${String(spec?.id)} ${reason}`;
        if (!this.#complaints.has(complaint) && !complaints.has(complaint)) refused.push(this.#refuse(spec, reason));
        if (complaints === NONE) complaints = new Set();
        complaints.add(complaint);
        continue;
      }
      if (same === undefined || !sameAddress(same.spec, spec)) {
        const endpoint = this.#arrive(spec);
        came.set(spec.id, endpoint);
        listed.push(endpoint);
        arrived.push(endpoint);
        if (!endpoint.withdrawn) restored.push(endpoint);
        continue;
      }
      stayed[same.ordinal] = 1;
      listed.push(same);
      if (sameSpec(same.spec, spec)) continue;
      const was = same.withdrawn;
      same.respecify(spec);
      changed.push(same);
      if (same.withdrawn !== was) (was ? restored : withdrawn).push(same);
    }
    this.#complaints = complaints;
    const departed: LiveEndpoint[] = [];
    if (listed.length - arrived.length < this.#members.length) {
      for (const endpoint of this.#members) {
        if (stayed[endpoint.ordinal] === 1) continue;
        if (!endpoint.withdrawn) withdrawn.push(endpoint);
        endpoint.depart();
        departed.push(endpoint);
      }
    }
    this.#replace(listed, arrived, departed);
    if (arrived.length > 0 || departed.length > 0 || withdrawn.length > 0 || restored.length > 0) {
      const all = this.#members;
      this.#serving = all.some(isWithdrawn) ? all.filter((endpoint) => !endpoint.withdrawn) : all;
    }
    return { arrived, changed, departed, withdrawn, restored, refused };
  }

  #replace(listed: LiveEndpoint[], arrived: readonly LiveEndpoint[], departed: readonly LiveEndpoint[]): void {
    for (const endpoint of departed) {
      this.#byId?.delete(endpoint.spec.id);
      this.#freeOrdinals ??= [];
      this.#freeOrdinals.push(endpoint.ordinal);
      this.#absent.add(endpoint);
    }
    for (const endpoint of arrived) this.#byId?.set(endpoint.spec.id, endpoint);
    this.#absent.prune(listed.length);
    if (arrived.length > 0 || departed.length > 0) {
      const gone = new Set(departed);
      const kept = gone.size === 0 ? this.#members : this.#members.filter((endpoint) => !gone.has(endpoint));
      this.#members = mergeById(kept, arrived.toSorted(byId));
      if (this.#members.length > FEW) this.#byId ??= new Map(this.#members.map((each) => [each.spec.id, each]));
    }
    // One list for both where it can be: that which was collected has room for more, too.
    const isSorted = listed.every((endpoint, i) => endpoint === this.#members[i]);
    this.#listed = isSorted ? this.#members : listed;
  }

  /** A call on a draining endpoint ended. True when it was the last one. */
  drained(endpoint: LiveEndpoint): boolean {
    if (endpoint.inflight > 0) return false;
    this.#absent.prune(this.#members.length);
    return true;
  }

  #arrive(spec: EndpointSpec): LiveEndpoint {
    const known = this.#absent.take(spec);
    if (known === undefined) return new LiveEndpoint(spec, this.#takeOrdinal());
    known.revive();
    known.ordinal = this.#takeOrdinal();
    known.respecify(spec);
    return known;
  }

  /**
   * Those of departed endpoints first, so that ordinals stay below the largest membership there
   * was.
   */
  #takeOrdinal(): number {
    return this.#freeOrdinals?.pop() ?? this.#ordinals++;
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

const MAX_PRIORITY = 127;

/**
 * Specs come from the network: whatever is wrong with one must not reach the arithmetic of a
 * policy.
 */
function whyInvalid(spec: EndpointSpec, seen: boolean): string | undefined {
  if (typeof spec !== 'object' || spec === null) return 'it is not an object';
  if (typeof spec.id !== 'string' || spec.id === '') return 'it has no id';
  if (seen) return 'another endpoint has the same id';
  if (typeof spec.host !== 'string' || spec.host === '') return 'it has no host';
  if (!Number.isInteger(spec.port) || spec.port < 1 || spec.port > 65_535) return `its port is ${spec.port}`;
  if (!isWeight(spec.weight)) return `its weight is ${spec.weight}`;
  const { registeredWeight: registered = spec.weight, healthy = true } = spec;
  if (!isWeight(registered)) return `its registered weight is ${registered}`;
  if (typeof healthy !== 'boolean') return 'its health is neither true nor false';
  if (!Number.isInteger(spec.priority) || spec.priority < 0 || spec.priority > MAX_PRIORITY) {
    return `its priority is ${spec.priority}`;
  }
  if (typeof spec.zone !== 'string') return 'its zone is not a string';
  if (!Array.isArray(spec.tags) || !spec.tags.every(isText)) return 'its tags are no list of strings';
  if (typeof spec.meta !== 'object' || spec.meta === null || !Object.values(spec.meta).every(isText)) {
    return 'its meta is not an object of strings';
  }
  return undefined;
}

function isWithdrawn(endpoint: LiveEndpoint): boolean {
  return endpoint.withdrawn;
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}
