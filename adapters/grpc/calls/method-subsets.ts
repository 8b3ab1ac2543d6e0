import type { PolicySpec, Subset } from '../../../src/index.js';
import type { MethodPolicy } from '../config/method-configs.js';

export interface SubsetsHost {
  openSubset(policy?: PolicySpec): Subset;
}

/**
 * What a channel picks from: one subset by its own policy, and one by each policy that a method
 * asks for.
 */
export class ChannelSubsets {
  readonly #host: SubsetsHost;
  readonly #own: Subset;
  /** Opened by the first call of such a method. */
  #byPolicy: Map<unknown, Subset> | undefined;

  constructor(host: SubsetsHost) {
    this.#host = host;
    this.#own = host.openSubset();
  }

  of(policy: MethodPolicy | undefined): Subset {
    if (policy === undefined) return this.#own;
    return this.#byPolicy?.get(policy.key) ?? this.#add(policy);
  }

  /** Connections came or went. */
  refresh(): void {
    this.#own.refresh();
    for (const subset of this.#byPolicy?.values() ?? []) if (subset !== this.#own) subset.refresh();
  }

  /** The configs of methods changed; policies no longer in use must not stay. */
  forgetMethods(): void {
    for (const subset of this.#byPolicy?.values() ?? []) if (subset !== this.#own) subset.close();
    this.#byPolicy = undefined;
  }

  close(): void {
    this.forgetMethods();
    this.#own.close();
  }

  #add({ key, spec }: MethodPolicy): Subset {
    let subset = this.#own;
    try {
      subset = this.#host.openSubset(spec);
    } catch (error) {
      // It exists, or the config had been refused; but it does not go with the service's own, say
      // with how that measures.
      const message = error instanceof Error ? error.message : String(error);
      process.emitWarning(`${message} The channel's own policy picks.`, { type: 'FairleadWarning' });
    }
    this.#byPolicy ??= new Map();
    this.#byPolicy.set(key, subset);
    return subset;
  }
}
