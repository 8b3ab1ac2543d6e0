import { type Authority, optionReaders, readAuthority } from '../../../src/adapter.js';
import type { PolicySpec, ServiceOptions, ValueSource } from '../../../src/index.js';
import type { Classify } from '../common/status.js';
import { type GrpcServiceConfig, readServiceConfig } from './service-config.js';
import type { UnknownFields } from './unknown-fields.js';

const { callback, unchecked, integer, invalidOption, number, oneOf, optional, readOptions, text } = optionReaders;

/** What may be set for a channel by its target's query, by its service config, or in code. */
export interface GrpcTargetOptions {
  /** The policy for channels to this service. Default: the service's own. */
  readonly policy?: PolicySpec;
  /**
   * The request header whose value is the routing key. A name ending in `-bin` yields bytes.
   * Default: none.
   */
  readonly keyHeader?: string;
  /**
   * The `:authority` of calls and the server name expected by TLS; `{ meta: key }` or a function
   * for servers with certificates of their own. A call's own `host` comes first. Default: the
   * service's name.
   */
  readonly authority?: Authority;
  /**
   * How long a connection may take, the server's first word included; milliseconds. Default 5,000;
   * 10 to 600,000. Without it a peer that accepts and never speaks is waited for without end.
   */
  readonly connectTimeoutMs?: number;
  /**
   * The name to watch in each server's `grpc.health.v1.Health` service, over the connection that
   * calls use: an endpoint is used while it says SERVING, or has no such service (gRFC A17). ''
   * asks for the server as a whole. Default: not asked.
   */
  readonly healthService?: string;
  /**
   * Asks servers to report their load every so often by `xds.service.orca.v3.OpenRcaService` (gRFC
   * A51, out-of-band), over the connection that calls use; milliseconds, 100 to 3,600,000. Reports
   * with each call are then not read. Default: those are. Used by `weighted_round_robin` with
   * `loadReports`.
   */
  readonly oobReportingPeriodMs?: number;
  /**
   * Connections to each endpoint at most. Default 1; 1 to 100. A further one is opened when those
   * there are have `streamsPerConnection` calls each, and stays open.
   */
  readonly maxConnections?: number;
  /**
   * Of no effect while `maxConnections` is 1. Default 100, which many servers allow on a connection
   * at once (SETTINGS_MAX_CONCURRENT_STREAMS); 1 to 1,000,000.
   */
  readonly streamsPerConnection?: number;
  /** Options of the service, for the first channel to it: as in `mesh.service(name, options)`. */
  readonly affinity?: ServiceOptions['affinity'];
  readonly maxEjectionRatio?: ServiceOptions['maxEjectionRatio'];
  readonly panicThreshold?: number;
  readonly discovery?: ServiceOptions['discovery'];
  readonly measureLatency?: boolean;
}

export interface GrpcServiceOptions extends GrpcTargetOptions {
  /**
   * Timeouts, retries and hedging by method. What the channel's own service config says comes
   * first.
   */
  readonly serviceConfig?: GrpcServiceConfig;
}

export interface GrpcOptions {
  /** The scheme of the targets. Default `fairlead`; another one for a second mesh. */
  readonly scheme?: string;
  /** Options by service name. */
  readonly services?: Readonly<Record<string, GrpcServiceOptions>>;
  /**
   * Options for all services, where their own say nothing; method configs are merged field by
   * field.
   */
  readonly defaults?: GrpcServiceOptions;
  /**
   * Judges how a call ended where the status code alone does not show it. One that throws is not
   * asked again for that call.
   */
  readonly classify?: Classify;
  /**
   * How long the first calls wait for discovery to answer before they fail with UNAVAILABLE;
   * milliseconds. Default 5,000; 0 to 86,400,000. Calls that are `waitForReady` wait on.
   */
  readonly discoveryTimeoutMs?: number;
  /**
   * Where service configs are kept as JSON, by service, for operators to change while programs run:
   * `consulKv()`. The configs in force are the channel's own, then these, then those in code. A
   * config that is refused is reported to `onServiceConfigError` and the one before stays.
   */
  readonly serviceConfigSource?: ValueSource;
  /**
   * Fields of service configs that mean nothing here: `refuse` (default), or `warn` and go by the
   * rest, for configs that programs in other languages read as well. A known field with a wrong
   * value is refused either way.
   */
  readonly unknownFields?: UnknownFields;
  /**
   * The key of a service's config in the source is this and its name. Default `fairlead/grpc/`.
   */
  readonly serviceConfigPrefix?: string;
  /**
   * Called for failures of the source and for configs that were refused. Default: a process
   * warning.
   */
  readonly onServiceConfigError?: (service: string, error: Error) => void;
}

export interface GrpcSettings {
  readonly scheme: string;
  readonly services: Readonly<Record<string, ServiceSettings>>;
  readonly defaults: ServiceSettings;
  readonly classify: Classify | undefined;
  readonly discoveryTimeoutMs: number;
  readonly serviceConfigSource: ValueSource | undefined;
  readonly serviceConfigPrefix: string;
  readonly unknownFields: UnknownFields;
  readonly onServiceConfigError: ((service: string, error: Error) => void) | undefined;
}

export interface ServiceSettings {
  /** Not yet checked as a whole: the target and the channel have a say as well. */
  readonly target: GrpcTargetOptions;
  readonly serviceConfig: GrpcServiceConfig;
}

/** What a channel goes by, all sources merged. */
export interface TargetSettings {
  readonly policy: PolicySpec | undefined;
  readonly keyHeader: string | undefined;
  readonly authority: Authority | undefined;
  readonly connectTimeoutMs: number;
  readonly healthService: string | undefined;
  readonly oobReportingPeriodMs: number | undefined;
  readonly maxConnections: number;
  readonly streamsPerConnection: number;
  /** What is not the channel's but the service's; undefined where nothing is said. */
  readonly service: ServiceOptions | undefined;
}

/** The scheme of targets where nothing is said. */
export const DEFAULT_SCHEME = 'fairlead';

const SCHEME = /^[a-z][a-z0-9+.-]*$/;

export function readGrpcOptions(options: GrpcOptions | undefined): GrpcSettings {
  const unknownFields = oneOf<UnknownFields>('refuse', 'refuse', 'warn');
  const fields = unknownFields(options?.unknownFields, 'registerGrpc.unknownFields');
  const { serviceConfigPrefix: prefix, serviceConfigSource: source } = options ?? {};
  if (prefix !== undefined && source === undefined) {
    throw invalidOption('registerGrpc.serviceConfigPrefix', prefix, 'none without a serviceConfigSource');
  }
  return readOptions<GrpcSettings>('registerGrpc', options, {
    scheme: (value, name) => {
      if (value === undefined) return DEFAULT_SCHEME;
      if (typeof value === 'string' && SCHEME.test(value)) return value;
      throw invalidOption(name, value, 'a URI scheme in lower case, such as "fairlead"');
    },
    services: (value, name) => {
      const services = (value ?? {}) as Record<string, unknown>;
      const entries = Object.entries(services);
      return Object.fromEntries(entries.map(([key, each]) => [key, readService(each, `${name}.${key}`, fields)]));
    },
    defaults: (value, name) => readService(value, name, fields),
    classify: callback<Classify>(),
    discoveryTimeoutMs: number(5_000, 0, 86_400_000),
    serviceConfigSource: (value, name) => {
      if (value === undefined || typeof (value as ValueSource)?.watch === 'function') return value as ValueSource;
      throw invalidOption(name, value, 'a source of values, such as consulKv()');
    },
    serviceConfigPrefix: text('fairlead/grpc/'),
    unknownFields,
    onServiceConfigError: callback<(service: string, error: Error) => void>(),
  });
}

function readService(value: unknown, name: string, unknownFields: UnknownFields): ServiceSettings {
  const { serviceConfig, ...target } = (value ?? {}) as GrpcServiceOptions;
  readTargetOptions(name, target);
  return { target, serviceConfig: readServiceConfig(serviceConfig, `${name}.serviceConfig`, unknownFields) };
}

/** What grpc-js takes for a key of Metadata; it throws for any other whenever it is read. */
const METADATA_KEY = /^[0-9A-Za-z_.-]+$/;

const metadataKey: optionReaders.Reader<string> = (value, name) => {
  if (typeof value === 'string' && METADATA_KEY.test(value)) return value;
  throw invalidOption(name, value, 'the name of a header of gRPC: letters, digits, _ . and -');
};

type ChannelSettings = Omit<TargetSettings, 'service'>;
type OfService = {
  [Key in 'affinity' | 'maxEjectionRatio' | 'panicThreshold' | 'discovery' | 'measureLatency']: unknown;
};

/** Made once: each channel is read by it, and more than once. */
const targetSchema: optionReaders.Schema<ChannelSettings & OfService> = {
  policy: unchecked<PolicySpec>(),
  keyHeader: optional(metadataKey),
  authority: readAuthority,
  connectTimeoutMs: number(5_000, 10, 600_000),
  healthService: (value, name) => {
    if (value === undefined || typeof value === 'string') return value;
    throw invalidOption(name, value, "a string; '' for the whole server");
  },
  oobReportingPeriodMs: optional(number(10_000, 100, 3_600_000)),
  maxConnections: integer(1, 1, 100),
  streamsPerConnection: integer(100, 1, 1_000_000),
  affinity: unchecked(),
  maxEjectionRatio: unchecked(),
  panicThreshold: unchecked(),
  discovery: unchecked(),
  measureLatency: unchecked(),
};

/**
 * Checks the names of all, and the values of those that the channel itself uses; the service checks
 * its own.
 */
export function readTargetOptions(context: string, options: GrpcTargetOptions): TargetSettings {
  const read = readOptions<ChannelSettings & OfService>(context, options, targetSchema);
  const { affinity, maxEjectionRatio, panicThreshold, discovery, measureLatency } = read;
  const ofService = { affinity, maxEjectionRatio, panicThreshold, discovery, measureLatency };
  const said = Object.entries(ofService).filter(([, value]) => value !== undefined);
  // Written out: of what is spread together V8 makes a class for each object.
  return {
    policy: read.policy,
    keyHeader: read.keyHeader,
    authority: read.authority,
    connectTimeoutMs: read.connectTimeoutMs,
    healthService: read.healthService,
    oobReportingPeriodMs: read.oobReportingPeriodMs,
    maxConnections: read.maxConnections,
    streamsPerConnection: read.streamsPerConnection,
    service: said.length === 0 ? undefined : Object.fromEntries(said),
  };
}
