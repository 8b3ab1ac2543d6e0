import type { Clock } from '../../runtime/clock.js';
import { callback, number, oneOf, type Reader, readOptions, text } from '../../runtime/options.js';
import type { Random } from '../../runtime/random.js';
import { contextOf, contextSchema, type DiscoveryContext, meshOption } from '../context.js';
import { KeptRegistrar } from '../kept-registrar.js';
import type { KeptSettings } from '../kept-registration.js';
import type { Registrar } from '../registrar.js';
import type { RegistrationContext } from './agent-calls.js';
import { type ConsulConnectionOptions, connectionSchema, readConnection } from './connection.js';
import {
  type ConsulInstance,
  type ConsulInstanceUpdate,
  type InstanceSettings,
  readInstance,
  updateInstance,
} from './instance.js';
import { InstanceKeeper } from './instance-keeper.js';
import { PackageTransport } from './package-transport.js';

export interface ConsulRegistrarOptions extends ConsulConnectionOptions {
  /** Consul Enterprise. Default: CONSUL_NAMESPACE. */
  readonly namespace?: string;
  /** Consul Enterprise. Default: CONSUL_PARTITION. */
  readonly partition?: string;
  /**
   * How often the agent is asked at least whether it still knows an instance; milliseconds. Default
   * 5,000; 100 to 86,400,000.
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
} & Pick<RegistrationContext, 'requestTimeoutMs' | 'verifyIntervalMs' | 'maxBackoffMs'> &
  Pick<KeptSettings, 'onUnreachable'>;

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
  const read = readOptions<Settings>('consulRegistrar', options, schema as never);
  const connection = readConnection('consulRegistrar', read);
  const namespace = read.namespace ?? connection.namespace;
  const partition = read.partition ?? connection.partition;
  const context = contextOf(read, read.mesh);
  // Its own connections: heartbeats never wait behind the resolver's blocking queries.
  const transport = new PackageTransport(connection, context.clock);
  const calls: RegistrationContext = {
    ...context,
    requestTimeoutMs: read.requestTimeoutMs,
    verifyIntervalMs: read.verifyIntervalMs,
    maxBackoffMs: read.maxBackoffMs,
    query: { ...(namespace && { ns: namespace }), ...(partition && { partition }) },
    transport,
  };
  return new KeptRegistrar<ConsulInstance, ConsulInstanceUpdate, InstanceSettings>({
    ...context,
    name: 'consul',
    where: `Consul at ${transport.address}`,
    onUnreachable: read.onUnreachable,
    onError: read.onError,
    read: readInstance,
    update: updateInstance,
    keeperOf: ({ service, id }, ended) => new InstanceKeeper(service, id, calls, ended),
    close: () => transport.close(),
  });
}
