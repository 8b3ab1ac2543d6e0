import type { DiscoveryContext } from '../../discovery/context.js';
import type { Resolver, ResolverSink, ServiceQuery } from '../../discovery/resolver.js';
import type { EndpointSpec } from '../../endpoint/endpoint.js';
import { addressOf, registeredWeight } from '../../endpoint/endpoint.js';
import { Membership } from '../../endpoint/membership.js';
import { sleep, systemClock } from '../../runtime/clock.js';

/** An instance that the checks have registered. */
export interface StagedInstance {
  readonly id: string;
  /** An IPv4 address of the loopback. All of one list differ in it. */
  readonly host: string;
  /** The same for all instances, so that sources which know hosts only can be checked too. */
  readonly port: number;
  readonly weight: number;
  readonly zone: string;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, string>>;
  /** False: registered, and its registry says that it is not well. */
  readonly healthy: boolean;
}

/** A registry in the hands of the checks, real or scripted, and a resolver that reads it. */
export interface ResolverStage {
  readonly resolver: Resolver;
  /** The service that `list` fills, and the parameters to ask for it. */
  readonly query: ServiceQuery;
  /**
   * What each watch is given to wait and draw by, usually with a `ManualClock` that `turn` moves.
   * Default: none, so the machine's.
   */
  readonly context?: DiscoveryContext;
  /** From now on exactly these are registered. */
  list(instances: readonly StagedInstance[]): Promise<void> | void;
  /**
   * The registry cannot be read from now on. Without it and `restore` nothing is checked about
   * outages.
   */
  fail?(): Promise<void> | void;
  /** It can be read again, and lists what `list` said last, also while it was away. */
  restore?(): Promise<void> | void;
  /**
   * Once, the registry says that there is nothing, and right after that what `list` said last.
   * Without it nothing is checked about that.
   */
  lie?(): Promise<void> | void;
  /**
   * Lets a little time pass, and what is on its way arrive. Default: 5 ms of the machine's clock.
   */
  turn?(): Promise<void>;
  close(): Promise<void> | void;
}

/** Turns until a resolver that has not reported something is taken never to do so. */
const PATIENCE_TURNS = 3_000;

/** Turns in which something that must not happen is given the chance to. */
const QUIET_TURNS = 40;

const TURN_MS = 5;

/** What one watch received. */
export class Watcher implements ResolverSink {
  readonly #abort = new AbortController();
  readonly lists: { readonly specs: readonly EndpointSpec[]; readonly version: string }[] = [];
  readonly errors: Error[] = [];
  /** Calls after `stop`. */
  late = 0;
  /** Thrown at the resolver by each call, where it is set. */
  throws: Error | undefined;

  constructor({ resolver, query, context }: ResolverStage) {
    resolver.watch(query, this, this.#abort.signal, context);
  }

  readonly snapshot = (specs: readonly EndpointSpec[], version: string): void => {
    this.#called();
    this.lists.push({ specs: [...specs], version });
    if (this.throws !== undefined) throw this.throws;
  };

  readonly error = (error: Error): void => {
    this.#called();
    this.errors.push(error);
    if (this.throws !== undefined) throw this.throws;
  };

  get specs(): readonly EndpointSpec[] {
    return this.lists.at(-1)?.specs ?? [];
  }

  stop(): void {
    this.#abort.abort();
  }

  #called(): void {
    if (this.#abort.signal.aborted) this.late++;
  }
}

/** Lets time pass until the condition holds; false where it does not come true. */
export async function eventually(stage: ResolverStage, condition: () => boolean): Promise<boolean> {
  for (let turn = 0; turn < PATIENCE_TURNS; turn++) {
    if (condition()) return true;
    await pass(stage);
  }
  return condition();
}

/** Lets some time pass in which nothing is expected. */
export async function quietly(stage: ResolverStage): Promise<void> {
  for (let turn = 0; turn < QUIET_TURNS; turn++) await pass(stage);
}

function pass(stage: ResolverStage): Promise<void> {
  return stage.turn === undefined ? sleep(systemClock, TURN_MS) : stage.turn();
}

/** What a resolver cannot know of an instance is not compared. */
export interface ComparedFields {
  readonly health: boolean;
  readonly ids: boolean;
  readonly weights: boolean;
  readonly labels: boolean;
}

/** A list in words, for comparing and for messages; '(none)' for an empty one. */
export function wordsOf(
  list: readonly (EndpointSpec | StagedInstance)[],
  { health, ids, weights, labels }: ComparedFields,
): string {
  const words = list.map((each) => {
    const { zone, tags, meta } = each;
    // A registry may keep the zone among the metadata: what was put in there is what is compared.
    const label = labels ? ` in ${zone} tagged ${tags.join('+')} of ${meta.owner}` : '';
    const weight = registeredWeight(each);
    const state = health && each.healthy === false ? ' unhealthy' : '';
    return `${ids ? `${each.id}=` : ''}${addressOf(each)}${weights ? ` weight ${weight}` : ''}${label}${state}`;
  });
  return words.sort().join(', ') || '(none)';
}

/** What a service would refuse in the list, and why. */
export function refusals(specs: readonly EndpointSpec[]): readonly string[] {
  return new Membership('conformance').apply(specs).refused.map(({ message }) => message);
}
