import type { EndpointSpec } from '../../endpoint/endpoint.js';
import type { Clock } from '../../runtime/clock.js';
import { FairleadError, toError } from '../../runtime/errors.js';
import type { DiscoveryContext } from '../context.js';
import type { ResolverSink, ServiceQuery } from '../resolver.js';
import type { SourceSettings } from './source.js';

const LAST_PRIORITY = 127;
const UNLISTED = 'FAIRLEAD_UNLISTED';

/** What one source says of one service. */
export class Part implements ResolverSink {
  readonly source: SourceSettings;
  readonly #clock: Clock;
  readonly #changed: (error?: Error) => void;
  /** Undefined before its first list. */
  endpoints: readonly EndpointSpec[] | undefined;
  version = '';
  failure: Error | undefined;
  #confirmedAtMs = Number.NEGATIVE_INFINITY;
  #raw: readonly EndpointSpec[] | undefined;
  #raised = new WeakMap<EndpointSpec, EndpointSpec>();

  constructor(source: SourceSettings, clock: Clock, changed: (error?: Error) => void) {
    this.source = source;
    this.#clock = clock;
    this.#changed = changed;
  }

  follow(query: ServiceQuery, signal: AbortSignal, context: DiscoveryContext): void {
    try {
      this.source.resolver.watch(query, this, signal, context);
    } catch (thrown) {
      // Against its contract: the other sources must not suffer from it.
      this.error(toError(thrown));
    }
  }

  get ageMs(): number {
    return this.#clock.now() - this.#confirmedAtMs;
  }

  get confirmedAtMs(): number {
    return this.#confirmedAtMs;
  }

  get healthy(): number {
    return this.endpoints?.filter(({ healthy }) => healthy !== false).length ?? 0;
  }

  readonly snapshot = (endpoints: readonly EndpointSpec[], version: string, ageMs = 0): void => {
    this.#confirmedAtMs = this.#clock.now() - ageMs;
    this.failure = undefined;
    if (endpoints !== this.#raw) {
      this.#raw = endpoints;
      this.endpoints = this.source.priority === 0 ? endpoints : endpoints.map((spec) => this.#raise(spec));
    }
    this.version = version;
    this.#changed();
  };

  readonly error = (error: Error): void => {
    this.failure = error;
    this.#changed(error);
  };

  /** The same object for the same spec, so that nothing seems to have changed. */
  #raise(spec: EndpointSpec): EndpointSpec {
    const known = this.#raised.get(spec);
    if (known !== undefined) return known;
    const raised = { ...spec, priority: Math.min(LAST_PRIORITY, spec.priority + this.source.priority) };
    this.#raised.set(spec, raised);
    return raised;
  }
}

/** What its sink is told of a source's error. That one does not know the service is no verdict. */
export function errorOf(kind: string, { source }: Part, parts: readonly Part[], error: Error): FairleadError {
  const unlisted = parts.every(({ failure }) => failure instanceof FairleadError && failure.code === UNLISTED);
  const { service } = error as Partial<FairleadError>;
  const message = `${kind}, source '${source.name}': ${error.message}`;
  return new FairleadError(unlisted ? UNLISTED : 'FAIRLEAD_DISCOVERY', message, { service, cause: error });
}
