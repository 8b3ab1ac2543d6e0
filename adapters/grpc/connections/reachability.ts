import { publishNews, SafeEmitter, type Unreachable } from '../../../src/adapter.js';
import type { Endpoint, Service } from '../../../src/index.js';

/** What of a connection is of interest here. */
export interface ReachingLeaf {
  readonly endpoint: Endpoint;
  /** Undefined while it cannot be used. */
  readonly subchannel: unknown;
  /** Since when it cannot be used, from the first attempt that failed; milliseconds. */
  readonly failingSinceMs: number | undefined;
  readonly lastError: string;
}

/** Of the event `connectivity`. */
export interface ConnectivityChange {
  readonly service: string;
  readonly endpoint: Endpoint;
  /** Whether calls may be sent there again. */
  readonly connected: boolean;
  /** What the last attempt said; undefined where it is connected. */
  readonly reason: string | undefined;
}

export interface GrpcEvents {
  /** An endpoint that channels want cannot be connected to by any of them, or can be again. */
  readonly connectivity: readonly [change: ConnectivityChange];
}

const NO_LEAVES: readonly ReachingLeaf[] = [];

/** What the channels of one registration can connect to, by service. */
export class Connectivity {
  readonly events: SafeEmitter<GrpcEvents> = new SafeEmitter({ connectivity: true });
  readonly #services = new WeakMap<Service, Reachability>();

  of(service: Service): Reachability {
    let found = this.#services.get(service);
    if (found === undefined) {
      found = new Reachability(service, this.events);
      this.#services.set(service, found);
    }
    return found;
  }
}

/**
 * What the channels of one service tried to connect to in vain while no channel is connected to it.
 * Calls are not sent there, so they do not tell.
 */
export class Reachability {
  readonly #service: Service;
  readonly #events: SafeEmitter<GrpcEvents>;
  /** Those of all channels: one of each endpoint, where there is one channel. */
  readonly #leaves = new Map<Endpoint, readonly ReachingLeaf[]>();
  /** The endpoints that cannot be connected to, and a connection that says why. */
  #out: Map<Endpoint, ReachingLeaf> | undefined;
  #saidNone = false;

  constructor(service: Service, events: SafeEmitter<GrpcEvents>) {
    this.#service = service;
    this.#events = events;
  }

  /** The connection is wanted, came, went or failed. */
  changed(leaf: ReachingLeaf): void {
    const leaves = this.#leaves.get(leaf.endpoint) ?? NO_LEAVES;
    if (!leaves.includes(leaf)) this.#leaves.set(leaf.endpoint, leaves.concat([leaf]));
    this.#look(leaf.endpoint);
    this.#lookForAny();
  }

  /** Their channel wants them no more. */
  removed(gone: Iterable<ReachingLeaf>): void {
    for (const leaf of gone) {
      const { endpoint } = leaf;
      const leaves = this.#leaves.get(endpoint);
      if (leaves?.includes(leaf) !== true) continue;
      if (leaves.length > 1) {
        this.#leaves.set(
          endpoint,
          leaves.filter((each) => each !== leaf),
        );
        this.#look(endpoint);
      } else {
        // Wanted by no channel: that is no news of a connection.
        this.#leaves.delete(endpoint);
        this.#out?.delete(endpoint);
      }
    }
    this.#lookForAny();
  }

  /** See `MeshPart.unreachable`. */
  get unreachable(): ReadonlyMap<Endpoint, Unreachable> {
    return new Map(Array.from(this.#out ?? [], ([endpoint, leaf]) => [endpoint, whyOf(leaf)]));
  }

  #look(endpoint: Endpoint): void {
    let failing: ReachingLeaf | undefined;
    let connected = false;
    for (const leaf of this.#leaves.get(endpoint)!) {
      if (leaf.subchannel !== undefined) connected = true;
      else if (leaf.failingSinceMs !== undefined) failing ??= leaf;
    }
    const wasOut = this.#out?.has(endpoint) === true;
    if (failing === undefined || connected) {
      if (this.#out?.delete(endpoint)) this.#tell(endpoint, undefined);
      return;
    }
    this.#out ??= new Map();
    this.#out.set(endpoint, failing);
    if (!wasOut) this.#tell(endpoint, whyOf(failing).reason);
  }

  #tell(endpoint: Endpoint, reason: string | undefined): void {
    const { name } = this.#service;
    const whom = `${endpoint.spec.id} of ${name}`;
    if (reason === undefined) publishNews(this.#service, 'info', 'has a usable connection again', whom);
    else publishNews(this.#service, 'warn', `no usable connection: ${causeOf(reason)}`, whom);
    this.#events.emit('connectivity', { service: name, endpoint, connected: reason === undefined, reason });
  }

  /** Whether there is any that can be. */
  #lookForAny(): void {
    const out = this.#out?.size ?? 0;
    const isNone = out > 0 && out === this.#leaves.size;
    if (isNone === this.#saidNone) return;
    this.#saidNone = isNone;
    const { name } = this.#service;
    if (isNone) publishNews(this.#service, 'error', 'no endpoint has a usable connection', name);
    else if (this.#leaves.size > 0) publishNews(this.#service, 'info', 'there are usable connections again', name);
  }
}

const whyOf = ({ lastError, failingSinceMs }: ReachingLeaf): Unreachable => ({
  reason: lastError || 'no answer',
  sinceMs: failingSinceMs ?? Number.NaN,
});

/** Of one cause the words are the same for all endpoints: without address and time. */
const causeOf = (reason: string): string =>
  reason
    .replace(/^No connection established\. Last error: (Error: )?/, '')
    .replace(/ \(\d{4}-\d\d-\d\dT[^)]*\)/, '')
    .replace(/\b(E[A-Z]{3,}) \S+:\d+/, '$1');
