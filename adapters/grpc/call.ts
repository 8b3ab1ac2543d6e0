import { type experimental, type Metadata, type MethodConfig, status } from '@grpc/grpc-js';
import type { AcquireRequest, Endpoint, RoutingKey } from '../../src/index.js';
import type { Attempt } from './attempt.js';
import { CallRecord } from './call-record.js';
import type { MethodConfigs, MethodPolicy } from './method-configs.js';
import { preferredOf, routingKeyOf } from './routing-key.js';
import type { ChannelTelemetry } from './telemetry.js';

type CallConfig = ReturnType<experimental.ConfigSelector['invoke']>;

/**
 * One call over all its attempts. grpc-js carries this object, unread, from the config selector to every pick of the
 * call, as `pickInformation`: so a retry or a hedge knows where the call has been, and the key is read once.
 */
export class Call implements AcquireRequest {
  readonly key: RoutingKey | undefined;
  /** The id of the endpoint that the caller asks for. */
  prefer: string | undefined = undefined;
  /** Endpoints of earlier attempts. */
  tried: readonly Endpoint[] | undefined = undefined;
  /** Undefined where the channel's policy picks. */
  readonly policy: MethodPolicy | undefined;
  /** Undefined while nobody measures. */
  readonly record: CallRecord | undefined;
  readonly #hedged: boolean;
  /** The attempt that was picked last. */
  #last: Attempt | undefined = undefined;

  constructor(key: RoutingKey | undefined, hedged: boolean, policy?: MethodPolicy, record?: CallRecord) {
    this.key = key;
    this.policy = policy;
    this.record = record;
    this.#hedged = hedged;
  }

  /** An attempt of a hedged call may run beside the ones before it: sessions stay where they are. */
  get beside(): boolean {
    return this.#hedged && this.tried !== undefined;
  }

  /** Before a pick. */
  beginAttempt(): void {
    const last = this.#last;
    if (last === undefined) return;
    // Picked and never started, and picked again: the connection was lost in between, and nothing was tried. A hedged
    // call may have several attempts on their way, so there the last one may yet start.
    if (last.pending && !this.#hedged) last.abandon();
    else this.tried = this.tried === undefined ? [last.endpoint] : [...this.tried, last.endpoint];
    this.#last = undefined;
  }

  /** Whether another attempt was picked after this one. */
  hasNewerThan(attempt: Attempt): boolean {
    return this.#last !== attempt;
  }

  /** After a pick. */
  picked(attempt: Attempt): void {
    this.#last = attempt;
  }
}

const NO_FILTERS: CallConfig['dynamicFilterFactories'] = [];

/**
 * Tells grpc-js the config of each call. One for the whole life of a channel: grpc-js makes the selector part of a
 * connection's identity, and a new one would mean new connections.
 */
export class CallConfigurator implements experimental.ConfigSelector {
  readonly #methods: MethodConfigs;
  readonly #keyHeader: string | undefined;
  readonly #telemetry: ChannelTelemetry | undefined;

  constructor(methods: MethodConfigs, keyHeader: string | undefined, telemetry?: ChannelTelemetry) {
    this.#methods = methods;
    this.#keyHeader = keyHeader;
    this.#telemetry = telemetry;
  }

  /** Runs when a call starts, in the context of its caller. Must not throw. */
  invoke(path: string, metadata: Metadata): CallConfig {
    const { config: methodConfig, hedged, policy } = this.#methods.get(path);
    if (methodConfig.waitForReady !== undefined) applyWaitForReady(metadata, methodConfig);
    const key = routingKeyOf(metadata, this.#keyHeader);
    const telemetry = this.#telemetry;
    const record = telemetry?.followsCalls ? new CallRecord(telemetry, path, hedged) : undefined;
    const call = new Call(key, hedged, policy, record);
    call.prefer = preferredOf(metadata);
    return {
      methodConfig,
      pickInformation: call as unknown as Record<string, string>,
      status: status.OK,
      dynamicFilterFactories: record === undefined ? NO_FILTERS : [record],
    };
  }

  /** Called at every resolution; there is nothing to let go of. */
  unref(): void {}
}

/** grpc-js validates `waitForReady` and then does not use it; the metadata is the call's own copy. */
function applyWaitForReady(metadata: Metadata, { waitForReady }: MethodConfig): void {
  const options = metadata.getOptions();
  if (options.waitForReady === undefined) metadata.setOptions({ ...options, waitForReady: waitForReady === true });
}
