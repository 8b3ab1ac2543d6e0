import { type experimental, type Metadata, status } from '@grpc/grpc-js';
import { type CallerContext, type CallRoute, forgetAbort, whenAborted } from '../../../src/adapter.js';
import { type Clock, type Endpoint, Outcome, type Subset } from '../../../src/index.js';
import { outcomeOf } from '../common/status.js';
import type { MethodPlan } from '../config/method-configs.js';
import type { Stream, StreamListener } from './connection-with.js';

/** What servers know a copy by. */
const MARK = 'fairlead-shadow';
/** A request is copied whole, so it has to be small: bytes, frame included. */
const MAX_REQUEST_BYTES = 64 * 1024;

/** What copies of the calls of a channel go out over. */
export interface ShadowContext {
  readonly pending: { readonly clock: Clock };
  /** Of all calls that name no host. */
  readonly authority: string;
  /** Of what the channel is connected to. */
  readonly subsets: { of(policy: MethodPlan['policy']): Subset };
  readonly leaves: { get(endpoint: Endpoint): { roomiest(): ShadowConnection } | undefined };
}

interface ShadowConnection {
  readonly subchannel: experimental.SubchannelInterface | undefined;
  readonly authority: string | undefined;
  streams: number;
}

/** A call as its shadow looks at it. */
interface Shadowed extends CallerContext {
  readonly key: Parameters<NonNullable<CallRoute['mirror']>['mirror']>[0]['key'];
  readonly policy: MethodPlan['policy'];
}

/** The head of a request. */
interface Head {
  readonly metadata: Metadata;
  readonly host: string;
  readonly method: string;
}

/** Plans of methods whose answers were seen to stream: nothing of what they do ends soon. */
const streaming = new WeakSet<MethodPlan>();

/** Undefined where a call of this plan is not to be copied, or is a copy that was handed on. */
export function shadowOf(mirror: CallRoute['mirror'], plan: MethodPlan, metadata: Metadata): CallShadow | undefined {
  if (mirror === undefined || !plan.idempotent || streaming.has(plan)) return undefined;
  return metadata.get(MARK).length > 0 ? undefined : new CallShadow(mirror, plan);
}

/**
 * Copies a call as its first attempt went out, once its one request is whole: the bytes, with the
 * metadata and the credentials that they went with. A call with more requests, or a larger one, has
 * no copy.
 */
export class CallShadow {
  readonly #mirror: NonNullable<CallRoute['mirror']>;
  readonly #plan: MethodPlan;
  #clock: Clock | undefined;
  #beganMs = Number.NaN;
  #request: Buffer | undefined;
  #requests = 0;
  #end: ((ended: { outcome: Outcome; ms: number } | undefined) => void) | undefined;

  constructor(mirror: NonNullable<CallRoute['mirror']>, plan: MethodPlan) {
    this.#mirror = mirror;
    this.#plan = plan;
  }

  /** An attempt of the call went out; later ones are not looked at. */
  follow(stream: Stream, head: Head, call: Shadowed, context: ShadowContext): void {
    if (this.#clock !== undefined) return;
    this.#clock = context.pending.clock;
    this.#beganMs = this.#clock.now();
    stream.sendMessageWithContext = this.#sending(stream);
    stream.halfClose = this.#ending(stream, (request) => this.#copy(request, head, call, context), call);
  }

  // Both are made here, and not where they are assigned: see `test/built-closures.test.ts`.

  #sending(stream: Stream): Stream['sendMessageWithContext'] {
    const { sendMessageWithContext } = stream;
    return (how, message) => {
      this.#requests++;
      this.#request = message.length <= MAX_REQUEST_BYTES ? message : undefined;
      sendMessageWithContext.call(stream, how, message);
    };
  }

  #ending(stream: Stream, copy: (request: Buffer) => void, call: Shadowed): Stream['halfClose'] {
    const { halfClose } = stream;
    return () => {
      halfClose.call(stream);
      const request = this.#requests === 1 ? this.#request : undefined;
      this.#request = undefined;
      if (request !== undefined) call.runInAsyncScope(() => copy(request));
    };
  }

  /** The call is over, as its caller is told. */
  ended(code: status): void {
    this.#end?.({ outcome: outcomeOf(code), ms: this.#clock!.now() - this.#beganMs });
  }

  #copy(request: Buffer, head: Head, call: Shadowed, context: ShadowContext): void {
    this.#mirror.mirror({
      key: call.key,
      among: context.subsets.of(call.policy),
      run: (endpoint, signal) => this.#send(request, head, endpoint, signal, context),
      outcome: new Promise((resolve) => {
        this.#end = resolve;
      }),
    });
  }

  #send(
    request: Buffer,
    head: Head,
    endpoint: Endpoint,
    signal: AbortSignal,
    context: ShadowContext,
  ): Promise<Outcome> {
    const connection = context.leaves.get(endpoint)?.roomiest();
    const subchannel = connection?.subchannel;
    if (connection === undefined || subchannel === undefined) return Promise.resolve(Outcome.Failure);
    return new Promise((resolve) => {
      let messages = 0;
      connection.streams++;
      const listener: StreamListener = {
        onReceiveMetadata: () => {},
        onReceiveMessage: () => {
          messages++;
          if (messages === 1) stream.startRead();
          else {
            streaming.add(this.#plan);
            stream.cancelWithStatus(status.CANCELLED, 'The answer streams');
          }
        },
        onReceiveStatus: ({ code }) => {
          connection.streams--;
          forgetAbort(signal, giveUp);
          resolve(messages > 1 ? Outcome.Success : outcomeOf(code));
        },
      };
      const giveUp = (): void => stream.cancelWithStatus(status.CANCELLED, 'The copy was given up');
      const metadata = head.metadata.clone();
      metadata.set(MARK, '1');
      const host = head.host === context.authority ? (connection.authority ?? head.host) : head.host;
      let stream: Stream;
      try {
        stream = subchannel.getRealSubchannel().createCall(metadata, host, head.method, listener, 0);
      } catch {
        // The connection went away this moment.
        connection.streams--;
        resolve(Outcome.Failure);
        return;
      }
      if (signal.aborted) giveUp();
      else whenAborted(signal, giveUp);
      stream.startRead();
      stream.sendMessageWithContext({}, request);
      stream.halfClose();
    });
  }
}
