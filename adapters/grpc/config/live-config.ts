import { type PolicyRegistry, parseJson } from '../../../src/adapter.js';
import { type DiscoveryContext, FairleadError, type ValueSource } from '../../../src/index.js';
import type { LiveConfig } from './method-configs.js';
import type { GrpcSettings } from './options.js';
import { checkMethodPolicies, type GrpcServiceConfig, readServiceConfig } from './service-config.js';
import type { UnknownFields } from './unknown-fields.js';

/**
 * Service configs from a source that reports changes, watched from the first channel to a service
 * on.
 */
export class ServiceConfigs {
  readonly #closing: AbortSignal;
  readonly #source: ValueSource;
  readonly #prefix: string;
  readonly #onError: GrpcSettings['onServiceConfigError'];
  readonly #policies: PolicyRegistry;
  readonly #unknownFields: UnknownFields;
  readonly #context: DiscoveryContext | undefined;
  readonly #services = new Map<string, WatchedConfig>();

  /** `closing` ends all watches. */
  constructor(closing: AbortSignal, policies: PolicyRegistry, options: GrpcSettings, context?: DiscoveryContext) {
    this.#context = context;
    this.#closing = closing;
    this.#policies = policies;
    this.#source = options.serviceConfigSource!;
    this.#prefix = options.serviceConfigPrefix;
    this.#onError = options.onServiceConfigError;
    this.#unknownFields = options.unknownFields;
  }

  of(service: string): LiveConfig {
    const known = this.#services.get(service);
    if (known !== undefined) return known;
    const watched = new WatchedConfig(
      `${this.#source.name} ${this.#prefix}${service}`,
      this.#policies,
      this.#unknownFields,
    );
    this.#services.set(service, watched);
    const failed = (error: Error): void => this.#tell(service, error);
    const sink = { value: (text: string | undefined) => watched.adopt(text, failed), error: failed };
    this.#source.watch(this.#prefix + service, sink, this.#closing, this.#context);
    return watched;
  }

  #tell(service: string, error: Error): void {
    try {
      if (this.#onError !== undefined) this.#onError(service, error);
      else process.emitWarning(error.message, { type: 'FairleadWarning', code: 'FAIRLEAD_SERVICE_CONFIG' });
    } catch (thrown) {
      process.emitWarning(`onServiceConfigError threw: ${String(thrown)}`, { type: 'FairleadWarning' });
    }
  }
}

class WatchedConfig implements LiveConfig {
  readonly #name: string;
  readonly #policies: PolicyRegistry;
  readonly #unknownFields: UnknownFields;
  readonly #listeners = new Set<() => void>();
  current: GrpcServiceConfig = {};
  version = 0;

  constructor(name: string, policies: PolicyRegistry, unknownFields: UnknownFields) {
    this.#name = name;
    this.#unknownFields = unknownFields;
    this.#policies = policies;
  }

  onChange(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  /** A config that is refused changes nothing; a key that is gone takes its config away. */
  adopt(text: string | undefined, failed: (error: Error) => void): void {
    try {
      this.current = text === undefined || text.trim() === '' ? {} : this.#read(text);
      this.version++;
    } catch (thrown) {
      failed(thrown as Error);
      return;
    }
    for (const changed of this.#listeners) changed();
  }

  #read(text: string): GrpcServiceConfig {
    const config = readServiceConfig(this.#parse(text), this.#name, this.#unknownFields);
    checkMethodPolicies(config, this.#policies, this.#name);
    return config;
  }

  #parse(text: string): unknown {
    try {
      return parseJson(text);
    } catch (cause) {
      throw new FairleadError('FAIRLEAD_INVALID_OPTION', `${this.#name} is no JSON: the config before stays.`, {
        cause,
      });
    }
  }
}
