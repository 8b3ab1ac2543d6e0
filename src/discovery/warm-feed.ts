import type { EndpointSpec } from '../endpoint/endpoint.js';
import { forgetAbort, whenAborted } from '../runtime/abort-audience.js';
import { withTimeout } from '../runtime/clock.js';
import { FairleadError } from '../runtime/errors.js';
import type { DiscoveryContext } from './context.js';
import { DiscoveryFeed, type FeedListener } from './feed.js';
import type { Resolver } from './resolver.js';

/**
 * A feed that is to take the place of another one: it listens from the beginning, and passes on
 * what it heard once it is `adopt`ed. Ends with `outer`, where there is one.
 */
export class WarmFeed implements FeedListener {
  readonly feed: DiscoveryFeed;
  readonly #service: string;
  readonly #context: DiscoveryContext;
  readonly #outer: AbortSignal | undefined;
  /** Heard by the outer signal. */
  readonly #end: (() => void) | undefined;
  #specs: readonly EndpointSpec[] | undefined;
  #error: Error | undefined;
  #heard: (() => void) | undefined;
  /** It ended before it heard a list. */
  #ended: ((error: Error) => void) | undefined;
  #listener: FeedListener | undefined;

  constructor(service: string, context: DiscoveryContext, outer?: AbortSignal) {
    this.#service = service;
    this.#context = context;
    this.#outer = outer;
    this.feed = new DiscoveryFeed(context, this);
    if (outer === undefined) return;
    this.#end = () => {
      this.feed.stop();
      this.#ended?.(this.#endedEarly());
    };
    whenAborted(outer, this.#end);
  }

  changed(specs: readonly EndpointSpec[]): void {
    if (this.#listener !== undefined) this.#listener.changed(specs);
    else this.#specs = specs;
    this.#heard?.();
  }

  failed(error: Error): void {
    if (this.#listener !== undefined) this.#listener.failed(error);
    else this.#error = error;
  }

  recovered(): void {
    if (this.#listener !== undefined) this.#listener.recovered();
    else this.#error = undefined;
  }

  follow(resolver: Resolver, params: Readonly<Record<string, unknown>>): this {
    this.feed.follow(resolver, this.#service, params);
    return this;
  }

  /** Resolves once it heard a list; rejects where none came within `patienceMs`, or it ends. */
  async list(patienceMs: number): Promise<readonly EndpointSpec[]> {
    if (this.#specs !== undefined) return this.#specs;
    const heard = new Promise<void>((resolve, reject) => {
      this.#heard = resolve;
      this.#ended = reject;
    });
    if (this.#outer?.aborted) this.#ended?.(this.#endedEarly());
    await withTimeout(this.#context.clock, patienceMs, heard, () => this.#silent(patienceMs));
    return this.#specs!;
  }

  /** From now on `listener` hears it, beginning with what was heard so far. */
  adopt(listener: FeedListener): void {
    this.#listener = listener;
    const [specs, error] = [this.#specs, this.#error];
    this.#specs = undefined;
    this.#error = undefined;
    if (specs !== undefined) listener.changed(specs);
    else if (error !== undefined) listener.failed(error);
  }

  /** Ends it. */
  close(): void {
    if (this.#outer !== undefined && this.#end !== undefined) forgetAbort(this.#outer, this.#end);
    this.feed.stop();
  }

  #endedEarly(): FairleadError {
    const message = `Service '${this.#service}' closed before a list of its endpoints came.`;
    return new FairleadError('FAIRLEAD_CLOSED', message, { service: this.#service });
  }

  #silent(patienceMs: number): FairleadError {
    const because = this.#error === undefined ? '' : `: ${this.#error.message}`;
    return new FairleadError(
      'FAIRLEAD_DISCOVERY',
      `No list of endpoints of service '${this.#service}' came within ${patienceMs} ms${because}.`,
      { service: this.#service, cause: this.#error },
    );
  }
}
