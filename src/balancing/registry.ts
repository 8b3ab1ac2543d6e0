import { FairleadError } from '../runtime/errors.js';
import { invalidOption } from '../runtime/options.js';
import type { PolicyFactory } from './factory.js';
import type { Policy } from './policy.js';
import type { PolicyName, PolicySpec } from './spec.js';

/**
 * Policy names to policies. One per mesh, so that one user's policy cannot surprise another's mesh.
 */
export class PolicyRegistry {
  readonly #factories = new Map<string, PolicyFactory<never>>();

  /**
   * Those without options that come with fairlead, one for all services: they hold nothing of the
   * service that they are for. One of the user's own may, and is made anew.
   */
  readonly #plain = new Map<string, Policy | undefined>();

  constructor(builtin: readonly PolicyFactory<never>[], own: readonly PolicyFactory<never>[] = []) {
    for (const factory of builtin) {
      this.define(factory);
      this.#plain.set(factory.policyName, undefined);
    }
    for (const factory of own) this.define(factory);
  }

  /** Adds a policy. Throws FAIRLEAD_CONFLICT when the name is taken. */
  define(factory: PolicyFactory<never>): void {
    const { policyName } = factory;
    if (this.#factories.has(policyName)) {
      throw new FairleadError(
        'FAIRLEAD_CONFLICT',
        `A policy named '${policyName}' exists already: choose another name.`,
      );
    }
    this.#factories.set(policyName, factory);
  }

  get names(): readonly PolicyName[] {
    return [...this.#factories.keys()] as PolicyName[];
  }

  get factories(): readonly PolicyFactory<never>[] {
    return [...this.#factories.values()];
  }

  /** The policy that a spec means. Throws FAIRLEAD_INVALID_OPTION, with the list of what exists. */
  resolve(spec: PolicySpec, option: string): Policy {
    if (typeof spec === 'string') {
      const policy = this.#plain.get(spec) ?? this.#make(spec, undefined, option);
      if (this.#plain.has(spec)) this.#plain.set(spec, policy);
      return policy;
    }
    if (typeof spec === 'object' && spec !== null) {
      if (typeof (spec as Policy).create === 'function') return spec as Policy;
      const entries = Object.entries(spec);
      if (entries.length === 1) {
        const [name, options] = entries[0] as [string, unknown];
        return this.#make(name, options, option);
      }
    }
    throw invalidOption(option, spec, `a policy, its name, or { name: options }; names are ${this.names.join(', ')}`);
  }

  #make(name: string, options: unknown, option: string): Policy {
    const factory = this.#factories.get(name) as PolicyFactory | undefined;
    if (factory === undefined) throw invalidOption(option, name, `one of ${this.names.join(', ')}`);
    return factory(options);
  }
}
