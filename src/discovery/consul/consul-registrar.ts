import type { Clock } from '../../runtime/clock.js';
import { FairleadError } from '../../runtime/errors.js';
import { number, type Reader, readOptions, text } from '../../runtime/options.js';
import type { Random } from '../../runtime/random.js';
import { contextOf, contextSchema, type DiscoveryContext, meshOption } from '../context.js';
import type { Registrar, Registration } from '../registrar.js';
import { type ConsulConnectionOptions, connectionSchema, readConnection } from './connection.js';
import { ConsulRegistration, type RegistrationContext } from './consul-registration.js';
import { type ConsulInstance, readInstance } from './instance.js';
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
  /** The mesh whose clock and random numbers are used. Default: the machine's. */
  readonly mesh?: DiscoveryContext;
  /** Default: that of `mesh`. */
  readonly clock?: Clock;
  /** Default: that of `mesh`. */
  readonly random?: Random;
}

type Settings = {
  readonly [Key in keyof Required<ConsulRegistrarOptions>]: ConsulRegistrarOptions[Key] | undefined;
} & Pick<RegistrationContext, 'requestTimeoutMs' | 'verifyIntervalMs' | 'maxBackoffMs'>;

const schema: { readonly [Key in keyof ConsulRegistrarOptions]-?: Reader<unknown> } = {
  ...connectionSchema,
  namespace: text(undefined),
  partition: text(undefined),
  verifyIntervalMs: number(5_000, 100, 86_400_000),
  requestTimeoutMs: number(5_000, 100, 600_000),
  maxBackoffMs: number(1_000, 10, 600_000),
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
export function consulRegistrar(options?: ConsulRegistrarOptions): Registrar<ConsulInstance> {
  return new ConsulRegistrar(options);
}

class ConsulRegistrar implements Registrar<ConsulInstance> {
  readonly name = 'consul';
  readonly #context: RegistrationContext;
  readonly #registrations = new Map<string, ConsulRegistration>();
  #closing: Promise<void> | undefined;

  constructor(options: ConsulRegistrarOptions | undefined) {
    const read = readOptions<Settings>('consulRegistrar', options, schema as never);
    const connection = readConnection('consulRegistrar', read);
    const namespace = read.namespace ?? connection.namespace;
    const partition = read.partition ?? connection.partition;
    const context = contextOf(read, read.mesh);
    this.#context = {
      ...context,
      requestTimeoutMs: read.requestTimeoutMs,
      ...{ verifyIntervalMs: read.verifyIntervalMs, maxBackoffMs: read.maxBackoffMs },
      query: { ...(namespace && { ns: namespace }), ...(partition && { partition }) },
      // Connections of its own: heartbeats never wait behind the resolver's blocking queries.
      transport: new PackageTransport(connection, context.clock),
    };
  }

  async register(instance: ConsulInstance): Promise<Registration> {
    const read = readInstance(instance);
    if (this.#closing !== undefined) {
      throw new FairleadError('FAIRLEAD_CLOSED', `The registrar is closed: '${read.id}' cannot be registered.`);
    }
    if (this.#registrations.has(read.id)) {
      throw new FairleadError(
        'FAIRLEAD_CONFLICT',
        `'${read.id}' is registered already: give each instance its own id.`,
      );
    }
    const registration = new ConsulRegistration(read, this.#context, () => this.#registrations.delete(read.id));
    this.#registrations.set(read.id, registration);
    try {
      await registration.begin();
    } catch (thrown) {
      this.#registrations.delete(read.id);
      throw thrown;
    }
    return registration;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const ends = [...this.#registrations.values()].map((registration) => registration.deregister());
    const failed = (await Promise.allSettled(ends)).find((end) => end.status === 'rejected');
    this.#context.transport.close();
    if (failed !== undefined) throw failed.reason;
  }
}
