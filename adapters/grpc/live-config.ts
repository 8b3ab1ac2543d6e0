import { FairleadError, type ValueSource } from '../../src/index.js';
import type { ReadGrpcOptions } from './options.js';
import { type GrpcServiceConfig, type LiveConfig, readServiceConfig } from './service-config.js';

/** Service configs from a source that tells of changes, watched from the first channel to a service on. */
export class ServiceConfigs {
  readonly #closing: AbortSignal;
  readonly #source: ValueSource;
  readonly #prefix: string;
  readonly #onError: ReadGrpcOptions['onServiceConfigError'];
  readonly #services = new Map<string, WatchedConfig>();

  /** `closing` ends all watches. */
  constructor(closing: AbortSignal, options: ReadGrpcOptions) {
    this.#closing = closing;
    this.#source = options.serviceConfigSource!;
    this.#prefix = options.serviceConfigPrefix;
    this.#onError = options.onServiceConfigError;
  }

  of(service: string): LiveConfig {
    const known = this.#services.get(service);
    if (known !== undefined) return known;
    const watched = new WatchedConfig(`${this.#source.name} ${this.#prefix}${service}`);
    this.#services.set(service, watched);
    const failed = (error: Error): void => this.#tell(service, error);
    const sink = { value: (text: string | undefined) => watched.adopt(text, failed), error: failed };
    this.#source.watch(this.#prefix + service, sink, this.#closing);
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
  current: GrpcServiceConfig = {};
  version = 0;

  constructor(name: string) {
    this.#name = name;
  }

  /** A config that is refused changes nothing; a key that is gone takes its config away. */
  adopt(text: string | undefined, failed: (error: Error) => void): void {
    try {
      this.current = text === undefined || text.trim() === '' ? {} : this.#read(text);
      this.version++;
    } catch (thrown) {
      failed(thrown as Error);
    }
  }

  #read(text: string): GrpcServiceConfig {
    const config = readServiceConfig(this.#parse(text), this.#name);
    for (const key of ['retryThrottling', 'healthCheckConfig'] as const) {
      if (config[key] === undefined) continue;
      throw new FairleadError(
        'FAIRLEAD_INVALID_OPTION',
        `${this.#name}.${key} cannot change while channels are in use: give it in code or in the channel's service config.`,
      );
    }
    return config;
  }

  #parse(text: string): unknown {
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new FairleadError('FAIRLEAD_INVALID_OPTION', `${this.#name} is no JSON: the config before stays.`, {
        cause,
      });
    }
  }
}
