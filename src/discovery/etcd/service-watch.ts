import { type EndpointSpec, sameSpec } from '../../endpoint/endpoint.js';
import type { Timer } from '../../runtime/clock.js';
import { FairleadError, toError } from '../../runtime/errors.js';
import { readEndpoint } from '../endpoint-input.js';
import type { SharedWatch } from '../shared-watches.js';
import { ShrinkGuard, type ShrinkGuardOptions } from '../shrink-guard.js';
import { WatchAudience } from '../watch-audience.js';
import type { EtcdEntry, EtcdHeader } from './calls.js';
import type { EtcdLayout } from './layout.js';
import { type RangeHearer, RangeWatch, type RangeWatchContext } from './range-watch.js';

export interface EtcdQuery {
  /** Those with the same share a watch. */
  readonly key: string;
  /** The service by its name in etcd. */
  readonly service: string;
  readonly layout: EtcdLayout;
}

export interface ServiceWatchContext extends RangeWatchContext {
  readonly options: RangeWatchContext['options'] & ShrinkGuardOptions;
}

/** What a value was read as; no endpoint where it could not be, or is not one. */
interface Read {
  readonly entry: EtcdEntry;
  readonly spec: EndpointSpec | undefined;
}

/** The instances of one service, from the keys of a layout. */
export class ServiceWatch implements SharedWatch, RangeHearer {
  readonly audience: WatchAudience;
  readonly #query: EtcdQuery;
  readonly #context: ServiceWatchContext;
  readonly #guard: ShrinkGuard;
  readonly #prefix: string;
  readonly #watch: RangeWatch;
  #read: ReadonlyMap<string, Read> = new Map();
  #listed: readonly EndpointSpec[] = [];
  #held = false;
  #recheck: Timer | undefined;

  constructor(query: EtcdQuery, context: ServiceWatchContext) {
    this.#query = query;
    this.#context = context;
    this.audience = new WatchAudience(context.clock);
    this.#guard = new ShrinkGuard(context.clock, context.options);
    this.#prefix = query.layout.keyFor(query.service, '');
    this.#watch = new RangeWatch({ key: this.#prefix, prefix: true }, context, this);
  }

  get service(): string {
    return this.#query.service;
  }

  stop(): void {
    this.#watch.stop();
    this.#recheck?.cancel();
  }

  entries(entries: ReadonlyMap<string, EtcdEntry>, header: EtcdHeader, doubtful: boolean): void {
    if (doubtful) this.#guard.trouble();
    this.#listed = this.#specsOf(entries);
    this.#tell(header);
  }

  confirmed(header: EtcdHeader): void {
    if (!this.#held) this.#tell(header);
  }

  failed(error: Error): void {
    this.#guard.trouble();
    this.audience.error(error);
  }

  #tell({ revision }: EtcdHeader): void {
    const { endpoints, held, recheckMs } = this.#guard.admit(this.#listed);
    this.#held = held > 0;
    this.#recheck?.cancel();
    if (!this.#held) {
      this.audience.snapshot(endpoints, String(revision), 0);
      return;
    }
    this.audience.partial(endpoints, String(revision));
    const waitMs = Math.ceil(recheckMs);
    this.audience.error(
      this.#error(
        `only ${this.#listed.length} instances are listed or healthy: ${held} are kept as they were until a list in ` +
          `${waitMs} ms confirms it`,
      ),
    );
    this.#recheck = this.#context.clock.awaited(waitMs, () => this.#watch.relist());
  }

  /** In the order of the keys. What was read before is not read again and stays the same object. */
  #specsOf(entries: ReadonlyMap<string, EtcdEntry>): readonly EndpointSpec[] {
    const read = new Map<string, Read>();
    const byId = new Map<string, EndpointSpec>();
    for (const key of [...entries.keys()].sort()) {
      const entry = entries.get(key)!;
      const known = this.#read.get(key);
      const same = known?.entry.modRevision === entry.modRevision && known.entry.value === entry.value;
      const now = same ? known : { entry, spec: this.#reuse(known?.spec, this.#specOf(entry)) };
      read.set(key, now);
      if (now.spec !== undefined) byId.set(now.spec.id, now.spec);
    }
    this.#read = read;
    return [...byId.values()];
  }

  #reuse(known: EndpointSpec | undefined, spec: EndpointSpec | undefined): EndpointSpec | undefined {
    return known !== undefined && spec !== undefined && sameSpec(known, spec) ? known : spec;
  }

  /** One value that means nothing is one instance less, not no list. */
  #specOf({ key, value }: EtcdEntry): EndpointSpec | undefined {
    const id = key.slice(this.#prefix.length);
    if (id === '') return undefined;
    try {
      const input = this.#query.layout.read(value, id, this.service);
      if (input === undefined) return undefined;
      const spec = readEndpoint(input, `'${key}'`);
      return typeof input === 'string' || input.id === undefined ? { ...spec, id } : spec;
    } catch (thrown) {
      const reason = toError(thrown).message;
      this.audience.error(
        this.#error(`the value of '${key}' is left out, as it is not an instance: ${reason}`, thrown),
      );
      return undefined;
    }
  }

  #error(what: string, cause?: unknown): FairleadError {
    return new FairleadError(
      'FAIRLEAD_DISCOVERY',
      `etcd at ${this.#context.calls.address}, service '${this.service}': ${what}.`,
      { service: this.service, cause },
    );
  }
}
