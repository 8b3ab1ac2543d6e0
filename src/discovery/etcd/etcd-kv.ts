import { whenAborted } from '../../runtime/abort-audience.js';
import type { Clock } from '../../runtime/clock.js';
import { number, type Reader, readOptions, text } from '../../runtime/options.js';
import type { Random } from '../../runtime/random.js';
import { contextSchema, PerClock } from '../context.js';
import { ServerPause } from '../server-pause.js';
import { tell } from '../tell.js';
import type { ValueSink, ValueSource } from '../value-source.js';
import { awayMs } from './calls.js';
import { connectionSchema, type EtcdConnectionOptions, readConnection } from './connection.js';
import { GrpcCalls } from './grpc-calls.js';
import { RangeWatch, type RangeWatchContext } from './range-watch.js';

export interface EtcdKvOptions extends EtcdConnectionOptions {
  /** What all keys begin with. Default none. */
  readonly prefix?: string;
  /**
   * How often a watch without news is asked whether it is alive; milliseconds. Default 5,000; 100
   * to 600,000.
   */
  readonly progressMs?: number;
  /** Default: that of the mesh that watches. */
  readonly clock?: Clock;
  /** Default: that of the mesh that watches. */
  readonly random?: Random;
}

type Settings = Parameters<typeof readConnection>[1] & {
  readonly prefix: string | undefined;
  readonly progressMs: number;
  readonly clock: Clock | undefined;
  readonly random: Random | undefined;
};

/** The value is known: nothing is gained by hurrying; milliseconds. */
const MAX_BACKOFF_MS = 5_000;

const schema: { readonly [Key in keyof Required<EtcdKvOptions>]: Reader<unknown> } = {
  ...connectionSchema,
  prefix: text(undefined),
  progressMs: number(5_000, 100, 600_000),
  ...contextSchema,
};

/**
 * Values from etcd by key, each by a watch. An open watch keeps the process alive until its signal
 * aborts. Throws FAIRLEAD_INVALID_OPTION.
 *
 * ```ts
 * registerGrpc(mesh, { serviceConfigSource: etcdKv() });   // keys fairlead/grpc/<service>
 * ```
 */
export function etcdKv(options?: EtcdKvOptions): ValueSource {
  const read = readOptions<Settings>('etcdKv', options, schema as never);
  const connection = readConnection('etcdKv', read);
  const { prefix = '', progressMs } = read;
  const settings = {
    requestTimeoutMs: connection.requestTimeoutMs,
    progressMs,
    maxBackoffMs: MAX_BACKOFF_MS,
    maxKeys: 1,
  };
  const clusters = new PerClock<RangeWatchContext>(read, (context) => ({
    ...context,
    calls: new GrpcCalls(connection, context.clock),
    pause: new ServerPause(context, MAX_BACKOFF_MS, awayMs),
    options: settings,
  }));
  return {
    name: 'etcd kv',
    watch: (key, sink, signal, context) => {
      if (!signal.aborted) watchKey(`${prefix}${key}`, clusters.of(context), sink, signal);
    },
  };
}

function watchKey(key: string, context: RangeWatchContext, sink: ValueSink, signal: AbortSignal): void {
  let told: { readonly text: string | undefined } | undefined;
  const watch = new RangeWatch({ key, prefix: false }, context, {
    entries: (entries) => {
      const entry = entries.get(key);
      const text = entry?.value;
      if (told !== undefined && told.text === text) return;
      told = { text };
      tell(() => sink.value(text, entry && String(entry.modRevision)));
    },
    confirmed: () => {},
    failed: (error) => tell(() => sink.error(error)),
  });
  whenAborted(signal, () => watch.stop());
}
