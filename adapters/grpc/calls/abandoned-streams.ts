import {
  type Channel,
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientWritableStream,
  credentials,
  Metadata,
  status,
} from '@grpc/grpc-js';

type Surface = ClientReadableStream<unknown> | ClientWritableStream<unknown> | ClientDuplexStream<unknown, unknown>;
type Destroy = (this: Surface, error: Error | null, done: (error?: Error | null) => void) => void;

/**
 * How calls end whose stream was destroyed. The details distinguish them from calls that `cancel()`
 * ended.
 */
const ABANDONED = 'Its stream was destroyed on the client';

/**
 * Makes `destroy()` of a call's stream end the call, for channels that `isOurs` names. A `for
 * await` that is left by `break`, `return` or an exception destroys its stream, and so does
 * `pipeline()`; grpc-js 1.14 goes on with such a call: its server writes into a window that is
 * never emptied, and the call counts in flight for ever.
 *
 * The classes of these streams are not exported, so they are taken from streams of a client without
 * a channel. Other channels of the process keep what grpc-js does.
 */
export function endAbandonedStreams(isOurs: (target: string) => boolean): void {
  for (const stream of surfaces()) mend(Object.getPrototypeOf(stream), isOurs);
}

function mend(prototype: { _destroy?: Destroy }, isOurs: (target: string) => boolean): void {
  const before = prototype._destroy as Destroy;
  prototype._destroy = function (error, done) {
    const target = isOver(this) ? undefined : targetOf(this.call);
    if (target !== undefined && isOurs(target)) {
      silence(this);
      this.call?.cancelWithStatus(status.CANCELLED, ABANDONED);
    }
    before.call(this, error, done);
  };
}

/** Read to its end; or written to its end, where what is awaited is the answer. */
function isOver(stream: Surface): boolean {
  return 'readableEnded' in stream ? stream.readableEnded : stream.writableFinished;
}

/**
 * grpc-js emits the status of every call that fails as an `error`. Node allows none after
 * `destroy()`, and a program that left its loop has no listener for it any longer.
 */
function silence(stream: Surface): void {
  const emit = stream.emit;
  stream.emit = function (this: Surface, name: string, ...args: unknown[]): boolean {
    if (name === 'error' && (args[0] as { details?: unknown } | undefined)?.details === ABANDONED) return false;
    return emit.call(this, name, ...args);
  } as typeof stream.emit;
}

/** What grpc-js keeps in a call, as far as it is looked at here: each is optional, as it may go. */
interface CallParts {
  /** Of a call with interceptors: the next one inwards. */
  readonly nextCall?: CallParts;
  readonly call?: { readonly channel?: { getTarget?(): string } };
}

/** The target of the channel that a call belongs to. */
function targetOf(call: object | undefined): string | undefined {
  let inner = call as CallParts | undefined;
  while (inner?.nextCall !== undefined) inner = inner.nextCall;
  return inner?.call?.channel?.getTarget?.();
}

/** One stream of each class, of calls that are never made. */
function surfaces(): readonly Surface[] {
  const call = new Proxy({}, { get: () => () => undefined });
  const channelOverride = { createCall: () => call } as unknown as Channel;
  const client = new Client('none', credentials.createInsecure(), { channelOverride });
  const bytes = (): Buffer => Buffer.alloc(0);
  const same = (value: Buffer): Buffer => value;
  return [
    client.makeServerStreamRequest('/', bytes, same, undefined, new Metadata()),
    client.makeClientStreamRequest('/', bytes, same, new Metadata(), () => {}),
    client.makeBidiStreamRequest('/', bytes, same, new Metadata()),
  ];
}
