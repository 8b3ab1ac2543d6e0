import type { Clock } from '../../runtime/clock.js';
import { FairleadError } from '../../runtime/errors.js';
import { callback, number, oneOf, type Reader, readOptions, text } from '../../runtime/options.js';
import type { Random } from '../../runtime/random.js';
import { contextOf, contextSchema, type DiscoveryContext, meshOption } from '../context.js';
import type { DeadlineOptions, Registrar, Registration } from '../registrar.js';
import { type ConsulConnectionOptions, connectionSchema, readConnection } from './connection.js';
import { ConsulRegistration, type RegistrationSettings, readDeadline } from './consul-registration.js';
import { type ConsulInstance, type ConsulInstanceUpdate, readInstance } from './instance.js';
import { InstanceKeeper } from './instance-keeper.js';
import { PackageTransport } from './package-transport.js';

export interface ConsulRegistrarOptions extends ConsulConnectionOptions {
  /** Consul Enterprise. Default: CONSUL_NAMESPACE. */
  readonly namespace?: string;
  /** Consul Enterprise. Default: CONSUL_PARTITION. */
  readonly partition?: string;
  /**
   * How often the agent is asked at least whether it still knows an instance; ms. Default 5,000;
   * 100 to 86,400,000.
   */
  readonly verifyIntervalMs?: number;
  /** How long the agent may take to answer; milliseconds. Default 5,000; 100 to 600,000. */
  readonly requestTimeoutMs?: number;
  /**
   * The longest wait between two tries while the agent is away; milliseconds. Default 1,000; 10 to
   * 600,000.
   */
  readonly maxBackoffMs?: number;
  /**
   * What `register()` does while the agent cannot be reached: `fail` (default) rejects, `wait` goes
   * on trying until the agent is there, or the registrar is closed.
   */
  readonly onUnreachable?: 'fail' | 'wait';
  /**
   * Called with each failure, also before `register()` has settled, and with the id of the
   * instance.
   */
  readonly onError?: (error: Error, id: string) => void;
  /** The mesh whose clock and random numbers are used. Default: the machine's. */
  readonly mesh?: DiscoveryContext;
  /** Default: that of `mesh`. */
  readonly clock?: Clock;
  /** Default: that of `mesh`. */
  readonly random?: Random;
}

type Settings = {
  readonly [Key in keyof Required<ConsulRegistrarOptions>]: ConsulRegistrarOptions[Key] | undefined;
} & Pick<RegistrationSettings, 'requestTimeoutMs' | 'verifyIntervalMs' | 'maxBackoffMs' | 'onUnreachable'>;

const schema: { readonly [Key in keyof ConsulRegistrarOptions]-?: Reader<unknown> } = {
  ...connectionSchema,
  namespace: text(undefined),
  partition: text(undefined),
  verifyIntervalMs: number(5_000, 100, 86_400_000),
  requestTimeoutMs: number(5_000, 100, 600_000),
  maxBackoffMs: number(1_000, 10, 600_000),
  onUnreachable: oneOf('fail', 'fail', 'wait'),
  onError: callback(),
  mesh: meshOption,
  ...contextSchema,
};

/**
 * Registers instances with the local agent and keeps them registered: heartbeats, a new
 * registration when the agent lost its state, and the end of it all on `close()`. Heartbeats do not
 * keep the process alive; an instance whose process ended without `close()` becomes critical when
 * its TTL is over.
 *
 * ```ts
 * await using registrar = consulRegistrar();
 * await registrar.register({ service: 'users', port: 5001, weight: 2, checks: [{ type: 'ttl', ttlMs: 10_000 }] });
 * ```
 */
export function consulRegistrar(options?: ConsulRegistrarOptions): Registrar<ConsulInstance, ConsulInstanceUpdate> {
  return new ConsulRegistrar(options);
}

class ConsulRegistrar implements Registrar<ConsulInstance, ConsulInstanceUpdate> {
  readonly name = 'consul';
  readonly #settings: RegistrationSettings;
  /** What is kept of each id: also of one that is being taken out, or whose registration failed. */
  readonly #keepers = new Map<string, InstanceKeeper>();
  readonly #registrations = new Map<string, ConsulRegistration>();
  #closing: Promise<void> | undefined;

  constructor(options: ConsulRegistrarOptions | undefined) {
    const read = readOptions<Settings>('consulRegistrar', options, schema as never);
    const connection = readConnection('consulRegistrar', read);
    const namespace = read.namespace ?? connection.namespace;
    const partition = read.partition ?? connection.partition;
    const context = contextOf(read, read.mesh);
    this.#settings = {
      ...context,
      requestTimeoutMs: read.requestTimeoutMs,
      verifyIntervalMs: read.verifyIntervalMs,
      maxBackoffMs: read.maxBackoffMs,
      onUnreachable: read.onUnreachable,
      onError: read.onError,
      query: { ...(namespace && { ns: namespace }), ...(partition && { partition }) },
      // Its own connections: heartbeats never wait behind the resolver's blocking queries.
      transport: new PackageTransport(connection, context.clock),
    };
  }

  async register(instance: ConsulInstance): Promise<Registration<ConsulInstanceUpdate>> {
    const read = readInstance(instance);
    const { id, service } = read;
    if (this.#closing !== undefined) {
      throw new FairleadError('FAIRLEAD_CLOSED', `The registrar is closed: '${id}' cannot be registered.`, {
        service,
        endpoint: id,
      });
    }
    const before = this.#registrations.get(id);
    if (before !== undefined && before.status !== 'deregistered') {
      throw new FairleadError('FAIRLEAD_CONFLICT', `'${id}' is registered already: give each instance its own id.`, {
        service,
        endpoint: id,
      });
    }
    const registration = new ConsulRegistration(read, this.#keeperOf(service, id), this.#settings);
    this.#registrations.set(id, registration);
    await registration.begin();
    return registration;
  }

  close(options?: DeadlineOptions): Promise<void> {
    const deadlineMs = readDeadline('close', options);
    this.#closing ??= this.#close(deadlineMs);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #keeperOf(service: string, id: string): InstanceKeeper {
    const known = this.#keepers.get(id);
    if (known !== undefined) return known;
    const keeper = new InstanceKeeper(service, id, this.#settings, () => {
      this.#keepers.delete(id);
      this.#registrations.delete(id);
    });
    this.#keepers.set(id, keeper);
    return keeper;
  }

  async #close(deadlineMs: number): Promise<void> {
    // Each keeper has the registration that was made last under its id, and one that is over may
    // still be on its way out.
    const ends = [...this.#registrations.values()].map((registration) => registration.end(deadlineMs));
    const failed = (await Promise.allSettled(ends)).find((end) => end.status === 'rejected');
    for (const keeper of this.#keepers.values()) keeper.stop();
    this.#settings.transport.close();
    if (failed !== undefined) throw failed.reason;
  }
}
