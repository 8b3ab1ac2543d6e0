import { status as Code, experimental, type Metadata, type MethodConfig, type StatusObject } from '@grpc/grpc-js';
import { callAbout, routeOf, type TracedCall, tracerOf } from '../../../src/adapter.js';
import type { AcquireRequest, Clock, Endpoint, RoutingKey, Service } from '../../../src/index.js';
import { REFUSED_STREAM } from '../common/status.js';
import { type ChannelTelemetry, methodOf } from '../common/telemetry.js';
import type { MethodConfigs, MethodPlan, MethodPolicy } from '../config/method-configs.js';
import { CallFilter } from './call-filter.js';
import { CallRecord, PREVIOUS_ATTEMPTS } from './call-record.js';
import { TIMEOUT } from './deadline.js';
import { type CallGate, type GatedCall, waitingPick } from './gate.js';
import type { HedgeThrottle } from './hedge-throttle.js';
import { Hedges } from './hedges.js';
import { holdAnswer } from './held-answer.js';
import { preferredOf, routingKeyOf } from './routing-key.js';
import { type CallShadow, shadowOf } from './shadow.js';

type CallConfig = ReturnType<experimental.ConfigSelector['invoke']>;

/** What a call asks of the attempts that were picked for it. */
interface PickedAttempt {
  readonly endpoint: Endpoint;
  /** Picked, and its stream not opened yet. */
  readonly pending: boolean;
  abandon(): void;
}

/**
 * One call over all its attempts. It is the config that grpc-js asks for, what grpc-js carries,
 * unread, to every pick of the call, a filter that the call passes out and back, and the context of
 * its caller: so a retry or a hedge knows where the call has been, a pick for a call that is over
 * sends nothing, the key is read once, and one object does for all.
 */
export class Call extends CallFilter implements AcquireRequest, CallConfig, GatedCall {
  readonly key: RoutingKey | undefined;
  /** The id of the endpoint that the caller asks for. */
  prefer: string | undefined = undefined;
  /** Where calls are routed: what all attempts are held to. */
  part: AcquireRequest['part'] = undefined;
  /** Undefined where no shadow wants a copy of it. */
  shadow: CallShadow | undefined = undefined;
  /** Undefined where the service is not traced. */
  trace: TracedCall | undefined = undefined;
  /** Endpoints of earlier attempts. */
  tried: readonly Endpoint[] | undefined = undefined;
  readonly #plan: MethodPlan;
  /**
   * grpc-js goes on with a call that is cancelled in its own turn of the event loop, or whose
   * deadline has passed: it forgets what has no attempt yet, and begins one then.
   */
  ended = false;
  waitsForReady = false;
  /** Undefined where another config selector is in between. */
  readonly #gate: CallGate | undefined;
  /** Undefined while nothing measures. */
  readonly record: CallRecord | undefined;
  /** Undefined where no attempt can be one too many. */
  readonly #hedges: Hedges | undefined;
  /** The attempt that was picked last. */
  #last: PickedAttempt | undefined = undefined;

  constructor(
    key: RoutingKey | undefined,
    plan: MethodPlan,
    record?: CallRecord,
    throttle?: HedgeThrottle,
    gate?: CallGate,
  ) {
    super();
    this.key = key;
    this.#gate = gate;
    this.record = record;
    this.#plan = plan;
    this.#hedges = throttle === undefined ? undefined : new Hedges(throttle, plan);
  }

  get methodConfig(): MethodConfig {
    return this.#plan.config;
  }

  get status(): Code {
    return Code.OK;
  }

  get pickInformation(): Record<string, string> {
    return this as unknown as Record<string, string>;
  }

  get dynamicFilterFactories(): CallConfig['dynamicFilterFactories'] {
    return [this];
  }

  /** The first attempt waits here while there is no connection. */
  override sendMetadata(metadata: Promise<Metadata>): Promise<Metadata> {
    return this.#gate === undefined || this.#gate.lets(this) ? metadata : this.#pass(this.#gate, metadata);
  }

  override receiveTrailers(ended: StatusObject): StatusObject {
    this.ended = true;
    // Of a pick that waits for credentials grpc-js says nothing more.
    if (this.#last?.pending) this.#last.abandon();
    const reason = this.#gate?.leave(this);
    const told = ended.code === REFUSED_STREAM ? { ...ended, code: Code.UNAVAILABLE } : ended;
    this.record?.end(told.code);
    this.shadow?.ended(told.code);
    this.trace?.end(Code[told.code] ?? 'UNKNOWN');
    return reason === undefined ? told : whileWaiting(told, reason);
  }

  /** For an attempt that cannot be sent now. */
  wait(): experimental.PickResult {
    this.trace?.waited();
    return this.#gate === undefined ? QUEUE : waitingPick(this.#gate.wait(this));
  }

  async #pass(gate: CallGate, metadata: Promise<Metadata>): Promise<Metadata> {
    const passed = await metadata;
    this.record?.attempt(passed);
    // Its state may have changed meanwhile.
    if (!gate.lets(this)) {
      this.trace?.waited();
      await gate.wait(this);
    }
    return passed;
  }

  /** Undefined where the channel's policy picks. */
  get policy(): MethodPolicy | undefined {
    return this.#plan.policy;
  }

  /**
   * An attempt of a hedged call may run beside the ones before it: sessions stay where they are.
   */
  get beside(): boolean {
    return this.#plan.hedged && this.tried !== undefined;
  }

  /**
   * Where the attempt that a pick is for is a hedge too many, who knows when it ends; undefined
   * where it may be sent.
   */
  refuse(metadata: Metadata): Hedges | undefined {
    const hedges = this.#hedges;
    return hedges === undefined || hedges.allow(metadata) ? undefined : hedges;
  }

  /** Whether answers are held until their status is known. */
  get holdsAnswer(): boolean {
    return this.#plan.holdsAnswers && !streaming.has(this.#plan);
  }

  /** What an attempt goes over. */
  over(subchannel: experimental.SubchannelInterface, clock: Clock): experimental.SubchannelInterface {
    const plan = this.#plan;
    if (!this.holdsAnswer) return subchannel;
    return holdAnswer(subchannel, {
      repeatable: plan.repeatable,
      clock,
      caller: this,
      streams: () => warnOfStream(plan),
      late: () => {
        if (!unary.has(plan)) warnOfStream(plan);
      },
      whole: () => unary.add(plan),
    });
  }

  attemptEnded(code: Code, details: string, metadata: Metadata): void {
    this.#hedges?.ended(code, details, metadata);
  }

  /** Once for each attempt that was picked. */
  attemptLeft(): void {
    this.#hedges?.left();
  }

  /**
   * Before a pick, with the metadata of the attempt that it is for: grpc-js counts repeats of
   * refused streams among those of a policy, and the server has not seen them.
   */
  uncount(metadata: Metadata): void {
    if (this.#plan.repeatsRefusedOnly && (this.#last ?? this.tried) !== undefined) metadata.remove(PREVIOUS_ATTEMPTS);
  }

  beginAttempt(): void {
    const last = this.#last;
    if (last === undefined) return;
    // Picked and never started, and picked again: the connection was lost in between, and nothing
    // was tried. A hedged call may have several attempts on their way, so there the last one may
    // yet start.
    if (last.pending && !this.#plan.hedged) last.abandon();
    else this.tried = this.tried === undefined ? [last.endpoint] : [...this.tried, last.endpoint];
    this.#last = undefined;
  }

  /** Whether another attempt was picked after this one. */
  hasNewerThan(attempt: PickedAttempt): boolean {
    return this.#last !== attempt;
  }

  /** After a pick. */
  picked(attempt: PickedAttempt): void {
    this.#last = attempt;
    this.#hedges?.picked();
  }
}

/** For grpc-js to pick again when the channel's state is reported next. */
const QUEUE: experimental.PickResult = {
  pickResultType: experimental.PickResultType.QUEUE,
  subchannel: null,
  status: null,
  onCallStarted: null,
  onCallEnded: null,
};

/** grpc-js says only where a call waited when its deadline passed; why is added to that. */
function whileWaiting(ended: StatusObject, reason: string): StatusObject {
  if (ended.code !== Code.DEADLINE_EXCEEDED) return ended;
  const [when = ''] = ended.details.split(',', 1);
  return { ...ended, details: `${when}, while the call waited: ${reason}` };
}

/** Plans that say `unary` of a method that was seen to stream. */
const streaming = new WeakSet<MethodPlan>();

/** Plans of methods that have answered by one message. */
const unary = new WeakSet<MethodPlan>();

function warnOfStream(plan: MethodPlan): void {
  if (streaming.has(plan)) return;
  streaming.add(plan);
  const message =
    `The service config says \`unary: true\` of ${plan.path}, whose answer streams, or came without its status: ` +
    'it is not held any longer. Take `unary` from that method.';
  process.emitWarning(message, { type: 'FairleadWarning', code: 'FAIRLEAD_UNARY_STREAMS' });
}

/** What hedged calls, and those of a service config with `retryThrottling`, are held to. */
export interface ThrottleSource {
  readonly throttle: HedgeThrottle;
}

/**
 * Supplies grpc-js with the config of each call. One for the whole life of a channel: grpc-js makes
 * the selector part of a connection's identity, and a new one would mean new connections.
 */
export class CallConfigurator implements experimental.ConfigSelector {
  readonly #methods: MethodConfigs;
  readonly #keyHeader: string | undefined;
  readonly #throttles: ThrottleSource;
  readonly #gate: CallGate;
  readonly #service: Service | undefined;
  readonly #telemetry: ChannelTelemetry | undefined;

  constructor(
    methods: MethodConfigs,
    keyHeader: string | undefined,
    throttles: ThrottleSource,
    gate: CallGate,
    telemetry?: ChannelTelemetry,
    service?: Service,
  ) {
    this.#service = service;
    this.#gate = gate;
    this.#methods = methods;
    this.#keyHeader = keyHeader;
    this.#throttles = throttles;
    this.#telemetry = telemetry;
  }

  /** Runs when a call starts, in the context of its caller. Must not throw. */
  invoke(path: string, metadata: Metadata): CallConfig {
    // Forwarded from a call that a server handles: they speak of that one, and the first would pass
    // for hedges that were sent already.
    metadata.remove(PREVIOUS_ATTEMPTS);
    metadata.remove(TIMEOUT);
    const plan = this.#methods.get(path);
    if (plan.config.waitForReady !== undefined) applyWaitForReady(metadata, plan.config);
    const key = routingKeyOf(metadata, this.#keyHeader);
    const telemetry = this.#telemetry;
    const record = telemetry?.followsCalls ? new CallRecord(telemetry, path, plan.hedged) : undefined;
    const throttled = plan.hedged || plan.throttling !== undefined;
    const call = new Call(key, plan, record, throttled ? this.#throttles.throttle : undefined, this.#gate);
    if (this.#service !== undefined) call.trace = traced(this.#service, path, metadata);
    call.prefer = preferredOf(metadata);
    if (this.#service !== undefined) route(this.#service, call, plan, metadata);
    call.waitsForReady = metadata.getOptions().waitForReady === true;
    return call;
  }

  /** Called at every resolution; there is nothing to let go of. */
  unref(): void {}
}

/** A client that is instrumented has made a span of its own, and told the server of it. */
function traced(service: Service, path: string, metadata: Metadata): TracedCall | undefined {
  const tracer = tracerOf(service);
  if (tracer === undefined) return undefined;
  const spanned = metadata.get('traceparent').length > 0;
  return tracer.call(callAbout('grpc', service.name, methodOf(path), spanned));
}

/** The first value of a name; of `baggage` all, which are one list (W3C Baggage, 3.2). */
export function labelOf(metadata: Metadata, name: string): string | undefined {
  const values = metadata.get(name);
  return name === 'baggage' && values.length > 1 ? values.join(',') : values[0]?.toString();
}

/** Where the call is held to; what it has to carry on is added to its metadata. */
function route(service: Service, call: Call, plan: MethodPlan, metadata: Metadata): void {
  const found = routeOf(service, call.key, (name) => labelOf(metadata, name));
  if (found === undefined) return;
  if (found.carried !== undefined) metadata.set(...found.carried);
  call.part = found.part;
  call.shadow = shadowOf(found.mirror, plan, metadata);
}

/**
 * grpc-js validates `waitForReady` and then does not use it; the metadata is the call's own copy.
 */
function applyWaitForReady(metadata: Metadata, { waitForReady }: MethodConfig): void {
  const options = metadata.getOptions();
  if (options.waitForReady === undefined) metadata.setOptions({ ...options, waitForReady: waitForReady === true });
}
