import type { Clock } from '../../runtime/clock.js';
import { callback, invalidOption, number, oneOf, type Reader, readOptions } from '../../runtime/options.js';
import type { Random } from '../../runtime/random.js';
import { contextOf, contextSchema, type DiscoveryContext, meshOption } from '../context.js';
import { KeptRegistrar } from '../kept-registrar.js';
import type { KeptSettings } from '../kept-registration.js';
import type { InstanceUpdate, Registrar } from '../registrar.js';
import { connectionSchema, type EtcdConnectionOptions, readConnection } from './connection.js';
import { GrpcCalls } from './grpc-calls.js';
import { type EtcdInstance, type EtcdInstanceSettings, readInstance, updateInstance } from './instance.js';
import { type EtcdLayoutOptions, layoutOf, layoutSchema } from './layouts/index.js';
import { BEATS_PER_TTL, LeaseKeeper } from './lease-keeper.js';

export interface EtcdRegistrarOptions extends EtcdConnectionOptions, EtcdLayoutOptions {
  /**
   * How long an instance is listed after its process died; milliseconds, rounded up to seconds. A
   * third of it is how often it is kept alive and looked at. Default 15,000; 2,000 to 86,400,000.
   */
  readonly ttlMs?: number;
  /** The longest wait after a failure; milliseconds. Default 1,000; 10 to 600,000. */
  readonly maxBackoffMs?: number;
  /**
   * What `register()` does while etcd cannot be reached: `fail` (default) rejects, `wait` goes on
   * trying until etcd is there, or the registrar is closed.
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

type Settings = Parameters<typeof readConnection>[1] &
  Parameters<typeof layoutOf>[1] &
  Pick<KeptSettings, 'onUnreachable' | 'onError'> & {
    readonly ttlMs: number;
    readonly maxBackoffMs: number;
    readonly mesh: DiscoveryContext | undefined;
    readonly clock: Clock | undefined;
    readonly random: Random | undefined;
  };

const schema: { readonly [Key in keyof Required<EtcdRegistrarOptions>]: Reader<unknown> } = {
  ...connectionSchema,
  ...layoutSchema,
  ttlMs: number(15_000, 2_000, 86_400_000),
  maxBackoffMs: number(1_000, 10, 600_000),
  onUnreachable: oneOf('fail', 'fail', 'wait'),
  onError: callback(),
  mesh: meshOption,
  ...contextSchema,
};

/**
 * Puts instances into etcd under leases and keeps them there, until `close()`. Heartbeats do not
 * keep the process alive; an instance whose process ended without `close()` is gone when its time
 * to live is over. Throws FAIRLEAD_INVALID_OPTION.
 *
 * ```ts
 * await using registrar = etcdRegistrar({ address: '10.0.0.1:2379' });
 * await registrar.register({ service: 'users', host: '10.0.0.7', port: 5001, weight: 2 });
 * ```
 */
export function etcdRegistrar(options?: EtcdRegistrarOptions): Registrar<EtcdInstance, InstanceUpdate> {
  const read = readOptions<Settings>('etcdRegistrar', options, schema as never);
  const connection = readConnection('etcdRegistrar', read);
  const layout = layoutOf('etcdRegistrar', read);
  if (layout.write === undefined) throw invalidOption('etcdRegistrar.layout', layout, 'one with a function `write`');
  const context = contextOf(read, read.mesh);
  const beatMs = read.ttlMs / BEATS_PER_TTL;
  // A hung request must leave time for another within the time to live.
  const requestTimeoutMs = Math.min(connection.requestTimeoutMs, beatMs);
  const calls = new GrpcCalls({ ...connection, requestTimeoutMs }, context.clock);
  const { ttlMs, maxBackoffMs, onUnreachable, onError } = read;
  const lease = { ...context, calls, layout, ttlMs, maxBackoffMs, verifyIntervalMs: beatMs };
  return new KeptRegistrar<EtcdInstance, InstanceUpdate, EtcdInstanceSettings>({
    ...context,
    name: 'etcd',
    where: `etcd at ${calls.address}`,
    onUnreachable,
    onError,
    read: (instance) => readInstance(layout, instance),
    update: (instance, changes) => updateInstance(layout, instance, changes),
    keeperOf: (instance, ended) => new LeaseKeeper(instance, lease, ended),
    close: () => calls.close(),
  });
}
