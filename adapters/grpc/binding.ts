import { type ChannelOptions, experimental, type ServiceConfig } from '@grpc/grpc-js';
import type { Weighing } from '../../src/adapter.js';
import {
  type AcquireRequest,
  type Clock,
  type Endpoint,
  type Explanation,
  FairleadError,
  type Mesh,
  type PolicySpec,
  type Random,
  type Service,
  type ServiceOptions,
  type Subset,
} from '../../src/index.js';
import { CallConfigurator, type ThrottleSource } from './calls/call.js';
import { CallGate } from './calls/gate.js';
import { HedgeThrottle } from './calls/hedge-throttle.js';
import type { LiveAttempts } from './calls/live-attempts.js';
import type { ChannelSubsets } from './calls/method-subsets.js';
import type { PendingAttempts } from './calls/pending-attempts.js';
import type { GrpcCounts } from './common/method-counts.js';
import type { Classify } from './common/status.js';
import { ChannelTelemetry } from './common/telemetry.js';
import type { ServiceConfigs } from './config/live-config.js';
import {
  healthServiceOf,
  type LiveConfig,
  MethodConfigs,
  type MethodPolicy,
  throttlingOf,
} from './config/method-configs.js';
import { type GrpcSettings, type GrpcTargetOptions, readTargetOptions, type TargetSettings } from './config/options.js';
import { NO_SERVICE_CONFIG, readChannelServiceConfig } from './config/service-config.js';
import { NO_QUERY, parseTarget, type TargetUri } from './config/target.js';
import type { LeafSettings } from './connections/leaf.js';
import type { Connectivity, Reachability } from './connections/reachability.js';
import type { ExplainingChannel, ExplainingChannels } from './explain.js';
import { POLICY_NAME } from './schemes.js';

/** A key with this prefix is not part of a connection's identity. */
const ATTRIBUTE = `${experimental.SUBCHANNEL_ARGS_EXCLUDE_KEY_PREFIX}.fairlead`;

/** Where nothing else is said: grpc-js keeps it with every channel. */
const SERVICE_CONFIG: ServiceConfig = { loadBalancingConfig: [{ [POLICY_NAME]: {} }], methodConfig: [] };

/** What the channels of one registration have in common. */
export interface ChannelCommons {
  readonly channels: ExplainingChannels;
  readonly attempts: LiveAttempts;
  readonly pending: PendingAttempts;
  readonly counts: GrpcCounts;
  readonly connectivity: Connectivity;
}

/**
 * Ties one channel to one service: made with the channel, given by its resolver to its load
 * balancer.
 */
export class ChannelBinding implements ExplainingChannel, ThrottleSource {
  readonly service: Service;
  readonly clock: Clock;
  readonly random: Random;
  readonly classify: Classify | undefined;
  readonly discoveryTimeoutMs: number;
  readonly telemetry: ChannelTelemetry;
  /** Where calls wait for a connection. */
  readonly gate: CallGate;
  /** Nothing is known of the service, or no endpoint, and both may come: calls wait. */
  awaitsEndpoints = true;
  /** The `:authority` of calls that have no other. */
  readonly authority: string;
  /** For the resolver to hand on. */
  readonly attributes: Readonly<Record<string, unknown>>;
  /** The part of the service config that may change while the channel is in use. */
  readonly live: LiveConfig | undefined;
  readonly #methods: MethodConfigs;
  readonly #target: TargetSettings;
  readonly #commons: ChannelCommons;
  /** What calls may be explained by; undefined while no load balancer is at work. */
  #explaining: ChannelSubsets | undefined;

  /**
   * Throws a FairleadError that says what is wrong with the target or the channel's service config.
   */
  constructor(
    mesh: Mesh,
    options: GrpcSettings,
    live: ServiceConfigs | undefined,
    uri: TargetUri,
    channelOptions: ChannelOptions,
    commons: ChannelCommons,
  ) {
    this.#commons = commons;
    const { service: name, options: query } = parseTarget(uri);
    const { defaults } = options;
    const own = Object.hasOwn(options.services, name) ? options.services[name] : undefined;
    const channel = readChannelServiceConfig(
      channelOptions['grpc.service_config'],
      mesh.policies,
      options.unknownFields,
    );
    const context = `${uri.scheme}:///${name}`;
    if (query !== NO_QUERY) readTargetOptions(context, query);
    if (channel.balancing !== undefined) readTargetOptions('grpc.service_config', channel.balancing);
    this.#target =
      query === NO_QUERY && channel.balancing === undefined
        ? registeredTarget(context, defaults.target, own?.target)
        : readTargetOptions(context, { ...defaults.target, ...own?.target, ...channel.balancing, ...query });
    this.authority = authorityOf(options, uri);
    this.clock = mesh.clock;
    this.random = mesh.random;
    this.classify = options.classify;
    this.discoveryTimeoutMs = options.discoveryTimeoutMs;
    this.service = serviceOf(mesh, name, this.#target.service);
    this.telemetry = new ChannelTelemetry(this.service, context, this.clock, commons.counts);
    // A policy that is refused must be refused here, where the program that made the channel sees
    // it.
    if (this.#target.policy !== undefined) this.openSubset(() => false).close();
    this.live = live?.of(name);
    this.#methods = new MethodConfigs(
      [channel.serviceConfig, own?.serviceConfig ?? NO_SERVICE_CONFIG, defaults.serviceConfig],
      this.live,
    );
    this.gate = new CallGate(this.clock);
    this.attributes = {
      [experimental.CHANNEL_ARGS_CONFIG_SELECTOR_KEY]: new CallConfigurator(
        this.#methods,
        this.#target.keyHeader,
        this,
        this.gate,
        this.telemetry,
        this.service,
      ),
      [ATTRIBUTE]: this,
    };
  }

  /** What grpc-js receives with every resolution. */
  get serviceConfig(): ServiceConfig {
    const retryThrottling = throttlingOf(this.#methods.sources);
    return retryThrottling === undefined ? SERVICE_CONFIG : { ...SERVICE_CONFIG, retryThrottling };
  }

  /** How connections are made and checked; `options` identify them. */
  connections(options: ChannelOptions): LeafSettings {
    const { authority, connectTimeoutMs, maxConnections, streamsPerConnection, oobReportingPeriodMs } = this.#target;
    return {
      clock: this.clock,
      random: this.random,
      telemetry: this.telemetry,
      connectTimeoutMs,
      authority,
      healthService: this.#target.healthService ?? healthServiceOf(this.#methods.sources),
      oobReportingPeriodMs,
      maxConnections,
      streamsPerConnection,
      options,
    };
  }

  /** Picks whose streams are not open yet, of all channels of the mesh. */
  get pending(): PendingAttempts {
    return this.#commons.pending;
  }

  /** Attempts at work, of all channels of the mesh. */
  get attempts(): LiveAttempts {
    return this.#commons.attempts;
  }

  /** Of all channels of the mesh: what they can connect to. */
  get reachability(): Reachability {
    return this.#commons.connectivity.of(this.service);
  }

  get throttle(): HedgeThrottle {
    return HedgeThrottle.of(this.service, this.clock);
  }

  get reportsPerCall(): boolean {
    return this.#target.oobReportingPeriodMs === undefined;
  }

  /** From now on calls may be explained by these subsets, until `explainsNoMore`. */
  explains(subsets: ChannelSubsets): void {
    this.#explaining = subsets;
    this.#commons.channels.add(this);
  }

  explainsNoMore(subsets: ChannelSubsets): void {
    if (this.#explaining !== subsets) return;
    this.#explaining = undefined;
    this.#commons.channels.delete(this);
  }

  get keyHeader(): string | undefined {
    return this.#target.keyHeader;
  }

  policyOf(method: string): MethodPolicy | undefined {
    return this.#methods.get(method).policy;
  }

  explain(policy: MethodPolicy | undefined, request: AcquireRequest): Explanation {
    return this.#explaining!.of(policy).explain(request);
  }

  /** `policy` is a method's; the channel's own by default. */
  openSubset(usable: (endpoint: Endpoint) => boolean, policy: PolicySpec | undefined = this.#target.policy): Subset {
    const onWeighing = (weighing: Weighing): void => this.telemetry.weighing(weighing);
    // A view by what is connected: its sessions are the service's, in every channel.
    const options = { usable, onWeighing, sessions: 'service' };
    return this.service.subset(policy === undefined ? options : { ...options, policy });
  }
}

/**
 * The binding in what a load balancer is given; undefined where another scheme's resolver gave it.
 */
export function bindingOf(options: ChannelOptions): ChannelBinding | undefined {
  const value: unknown = (options as Record<string, unknown>)[ATTRIBUTE];
  return value instanceof ChannelBinding ? value : undefined;
}

/** Of channels that say nothing themselves: what was registered for their service, or for all. */
const registered = new WeakMap<GrpcTargetOptions, TargetSettings>();

function registeredTarget(
  context: string,
  defaults: GrpcTargetOptions,
  own: GrpcTargetOptions | undefined,
): TargetSettings {
  const given = own ?? defaults;
  let read = registered.get(given);
  if (read === undefined) {
    read = readTargetOptions(context, { ...defaults, ...own });
    registered.set(given, read);
  }
  return read;
}

/** The `:authority` that a target asks for: its service, or what its query says. */
export function authorityOf(options: GrpcSettings, uri: TargetUri): string {
  const { service, options: query } = parseTarget(uri);
  const own = Object.hasOwn(options.services, service) ? options.services[service] : undefined;
  const said = query.authority ?? own?.target.authority ?? options.defaults.target.authority;
  return typeof said === 'string' ? said : hostOf(service);
}

/**
 * The name of a service as an authority: what a URL would take for its end, for a port or for an
 * escape becomes a dash, or no connection would come to be. A port, which is what an authority may
 * have, stays.
 */
function hostOf(service: string): string {
  const [, name = service, port = ''] = /^(.+?)(:\d{1,5})?$/s.exec(service) ?? [];
  return name.replaceAll(/[^\p{L}\p{N}._~-]+/gu, '-') + port;
}

/**
 * Service options that targets gave, by mesh and service: a second channel may say the same, but
 * nothing else.
 */
const given = new WeakMap<Mesh, Map<string, string>>();

function serviceOf(mesh: Mesh, name: string, options: ServiceOptions | undefined): Service {
  if (options === undefined) return mesh.service(name);
  const services = given.get(mesh) ?? new Map<string, string>();
  given.set(mesh, services);
  const said = JSON.stringify(Object.entries(options).sort());
  const before = services.get(name);
  if (before === said) return mesh.service(name);
  if (before !== undefined || mesh.services.has(name)) {
    throw new FairleadError(
      'FAIRLEAD_CONFLICT',
      `Service '${name}' exists already with other options than a gRPC target now gives (${said}): give them once, in createMesh({ services }).`,
      { service: name },
    );
  }
  const service = mesh.service(name, options);
  services.set(name, said);
  return service;
}
