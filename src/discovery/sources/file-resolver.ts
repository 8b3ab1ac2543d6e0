import { resolve } from 'node:path';
import type { EndpointSpec } from '../../endpoint/endpoint.js';
import { whenAborted } from '../../runtime/abort-audience.js';
import type { Clock } from '../../runtime/clock.js';
import { FairleadError } from '../../runtime/errors.js';
import { described, fields, invalidOption, number, type Reader, readOptions } from '../../runtime/options.js';
import type { Random } from '../../runtime/random.js';
import { contextSchema, type DiscoveryContext, PerClock } from '../context.js';
import type { Resolver, ResolverSink, ServiceQuery } from '../resolver.js';
import { ShrinkGuard } from '../shrink-guard.js';
import { tell } from '../tell.js';
import { WatchAudience } from '../watch-audience.js';
import { type FileFormat, formatOf, parseServices, type Services } from './parse-services.js';
import { WatchedFile } from './watched-file.js';

export interface FileResolverOptions {
  /** A `.yaml` or `.yml` file, for which the package `yaml` is needed, or else JSON. */
  readonly path: string;
  /**
   * How often to look at the file where the system does not tell of changes; milliseconds. Default
   * 5,000; 100 to 3,600,000.
   */
  readonly pollMs?: number;
  /** Default: that of the mesh that watches. */
  readonly clock?: Clock;
  /** Default: that of the mesh that watches. */
  readonly random?: Random;
}

interface Settings {
  readonly path: string;
  readonly pollMs: number;
  readonly clock: Clock | undefined;
  readonly random: Random | undefined;
}

/**
 * A list that became empty or lost more than half is confirmed by the file as it is a moment later:
 * YAML that is half written is YAML.
 */
const GUARD = { maxShrinkRatio: 0.5, confirmMs: 500, graceMs: 500 };

const path: Reader<string> = described({ shape: { type: 'text' }, required: true }, (value, name) => {
  if (typeof value === 'string' && value !== '') return resolve(value);
  throw invalidOption(name, value, 'the path of a file');
});

export const fileResolverOptions: Reader<Settings> = fields<Settings>({
  path,
  pollMs: number(5_000, 100, 3_600_000),
  ...contextSchema,
});

/**
 * Endpoints from a file that is watched: an object of services, each a list as `staticResolver`
 * takes it. A file that is of no use changes nothing and is an error; so is one that is gone. A
 * watch does not keep the process alive. Throws FAIRLEAD_INVALID_OPTION.
 *
 * ```ts
 * fileResolver({ path: '/etc/app/services.yaml' });     // users: [10.0.0.1:5001, { host: 10.0.0.2, port: 5001, weight: 2 }]
 * ```
 */
export function fileResolver(options: FileResolverOptions): Resolver {
  return new FileResolver(fileResolverOptions(options, 'fileResolver'));
}

class FileResolver implements Resolver {
  readonly name = 'file';
  readonly #files: PerClock<ServiceFile>;
  #closed = false;

  constructor(settings: Settings) {
    this.#files = new PerClock(settings, (context) => new ServiceFile(settings, context));
  }

  check(query: ServiceQuery): void {
    readOptions(`service '${query.service}': discovery`, query.params, {});
  }

  watch(query: ServiceQuery, sink: ResolverSink, signal: AbortSignal, context?: DiscoveryContext): void {
    if (signal.aborted) return;
    if (this.#closed) tell(() => sink.error(closedError(query.service)));
    else this.#files.of(context).join(query.service, sink, signal);
  }

  close(): void {
    this.#closed = true;
    for (const file of this.#files.all()) file.close();
  }
}

interface Listener {
  readonly audience: WatchAudience;
  readonly guard: ShrinkGuard;
}

/** The file as one clock sees it: watched while a service is. */
class ServiceFile {
  readonly #settings: Settings;
  readonly #context: DiscoveryContext;
  readonly #format: FileFormat;
  readonly #listeners = new Map<string, Listener>();
  #file: WatchedFile | undefined;
  #services: Services | undefined;
  #reads = 0;

  constructor(settings: Settings, context: DiscoveryContext) {
    this.#settings = settings;
    this.#context = context;
    this.#format = formatOf(settings.path);
  }

  join(service: string, sink: ResolverSink, signal: AbortSignal): void {
    const { clock } = this.#context;
    const known = this.#listeners.get(service);
    const listener = known ?? { audience: new WatchAudience(clock), guard: new ShrinkGuard(clock, GUARD) };
    this.#listeners.set(service, listener);
    listener.audience.add(sink);
    if (known === undefined && this.#services !== undefined) this.#tell(service, listener, this.#services);
    this.#file ??= new WatchedFile(this.#settings, clock, {
      // Half of a JSON text is not JSON.
      isWhole: () => this.#format === 'json',
      content: (text) => this.#take(text),
      failed: (error) => this.#failed(error),
    });
    whenAborted(signal, () => {
      listener.audience.delete(sink);
      if (listener.audience.size === 0 && this.#listeners.get(service) === listener) this.#listeners.delete(service);
      if (this.#listeners.size === 0) this.#stop();
    });
  }

  close(): void {
    this.#stop();
    for (const [service, { audience }] of this.#listeners) audience.error(closedError(service));
    this.#listeners.clear();
  }

  #stop(): void {
    this.#file?.stop();
    this.#file = undefined;
    this.#services = undefined;
  }

  async #take(text: string): Promise<void> {
    const services = await parseServices(text, this.#format);
    this.#services = services;
    this.#reads++;
    for (const [service, listener] of [...this.#listeners]) this.#tell(service, listener, services);
  }

  #tell(service: string, { audience, guard }: Listener, services: Services): void {
    const listed = services.get(service);
    if (listed === undefined && audience.version === '') {
      const known = [...services.keys()].map((name) => `'${name}'`).join(', ');
      const message = `${this.#settings.path} has no list for '${service}', only for ${known || 'no service at all'}.`;
      audience.error(new FairleadError('FAIRLEAD_UNLISTED', message, { service }));
      return;
    }
    const specs: readonly EndpointSpec[] = listed ?? [];
    const { endpoints, held, recheckMs } = guard.admit(specs);
    if (held === 0) {
      audience.snapshot(endpoints, String(this.#reads), 0);
      return;
    }
    audience.partial(endpoints, String(this.#reads));
    audience.error(
      this.#error(service, `it lists ${specs.length} endpoints only: ${held} are kept until it says so again`),
    );
    this.#file?.again(Math.ceil(recheckMs));
  }

  #failed(reason: Error): void {
    for (const [service, { audience }] of this.#listeners) audience.error(this.#error(service, reason.message, reason));
  }

  #error(service: string, what: string, cause?: Error): FairleadError {
    return new FairleadError('FAIRLEAD_DISCOVERY', `${this.#settings.path}: ${what}`, { service, cause });
  }
}

function closedError(service: string): FairleadError {
  return new FairleadError('FAIRLEAD_CLOSED', `The file resolver is closed: '${service}' is not watched.`, { service });
}
