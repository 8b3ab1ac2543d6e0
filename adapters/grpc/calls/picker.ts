import { experimental, Metadata, status } from '@grpc/grpc-js';
import type { AcquireRequest, Endpoint, Lease } from '../../../src/index.js';
import { Outcome } from '../../../src/index.js';
import { NO_PLAN } from '../config/method-configs.js';
import { Attempt, type AttemptContext, type Connection } from './attempt.js';
import { Call } from './call.js';
import type { ChannelSubsets } from './method-subsets.js';
import { unsentAttempt } from './unsent-attempt.js';

const { PickResultType } = experimental;

export interface PickableConnection extends Connection {
  /** Itself, or another connection to the same endpoint where this one is full. */
  roomiest(): Connection;
}

export interface PickerContext extends AttemptContext {
  readonly subsets: Pick<ChannelSubsets, 'of'>;
  readonly leaves: ReadonlyMap<Endpoint, PickableConnection>;
  /** Whether what a call is held to has no connection yet, and is about to have its first. */
  isComing(part: NonNullable<AcquireRequest['part']>): boolean;
  /** Takes lost connections out of the subset before it is asked, if that is still to be done. */
  settle(): void;
}

/** For a call that is over: nothing waits for what would be sent. */
const DROP: experimental.PickResult = {
  pickResultType: PickResultType.DROP,
  subchannel: null,
  status: { code: status.CANCELLED, details: 'The call ended before it was sent', metadata: new Metadata() },
  onCallStarted: null,
  onCallEnded: null,
};

/**
 * Picks among the connected endpoints, through the core: policy, health, sessions and counters are
 * all there. The call counts on its endpoint from here on, not from the moment its stream opens, or
 * a burst would go to one server.
 */
export class ConnectedPicker implements experimental.Picker {
  readonly #context: PickerContext;

  constructor(context: PickerContext) {
    this.#context = context;
  }

  /**
   * Never throws: grpc-js would leave the call hanging until its deadline and the error unhandled.
   */
  pick(args: experimental.PickArgs): experimental.PickResult {
    const { subsets, leaves } = this.#context;
    let lease: Lease | undefined;
    try {
      this.#context.settle();
      const call = callOf(args);
      if (call.ended) return DROP;
      const refused = call.refuse(args.metadata);
      if (refused !== undefined) return unsentAttempt(refused);
      if (call.part !== undefined && this.#context.isComing(call.part)) return call.wait();
      call.beginAttempt();
      const record = call.record?.attempt(args.metadata);
      lease = subsets.of(call.policy).acquire(call);
      const leaf = leaves.get(lease.endpoint);
      if (leaf?.subchannel === undefined) {
        // Its connection went away this moment; the pick is repeated when the channel's state is
        // reported.
        lease.done(Outcome.Cancelled);
        return call.wait();
      }
      const connection = leaf.roomiest();
      const subchannel = connection.subchannel ?? leaf.subchannel;
      const attempt = new Attempt(lease, subchannel, connection, call, this.#context, record);
      call.picked(attempt);
      return attempt;
    } catch (error) {
      lease?.done(Outcome.Cancelled);
      return refuse(args, error instanceof Error ? error.message : String(error));
    }
  }
}

/** The call, unless another config selector is in between: then each attempt is its own call. */
function callOf(args: experimental.PickArgs): Call {
  const info: unknown = args.extraPickInfo;
  if (!(info instanceof Call)) return new Call(undefined, NO_PLAN);
  info.uncount(args.metadata);
  return info;
}

/** While no connection is up: calls wait. */
export class WaitingPicker implements experimental.Picker {
  pick(args: experimental.PickArgs): experimental.PickResult {
    const call = callOf(args);
    if (call.ended) return DROP;
    call.record?.attempt(args.metadata);
    return call.wait();
  }
}

/** While there is nothing to wait for. */
export class RefusingPicker implements experimental.Picker {
  readonly #details: string;

  constructor(details: string) {
    this.#details = details;
  }

  pick(args: experimental.PickArgs): experimental.PickResult {
    return refuse(args, this.#details);
  }
}

/** Fails a call, or lets it wait if that is what it wants. */
function refuse(args: experimental.PickArgs, details: string): experimental.PickResult {
  const call = callOf(args);
  if (call.ended) return DROP;
  const attempt = call.record?.attempt(args.metadata);
  if (args.metadata.getOptions().waitForReady === true) return call.wait();
  attempt?.end(status.UNAVAILABLE);
  return {
    pickResultType: PickResultType.TRANSIENT_FAILURE,
    subchannel: null,
    status: { code: status.UNAVAILABLE, details, metadata: new Metadata() },
    onCallStarted: null,
    onCallEnded: null,
  };
}
