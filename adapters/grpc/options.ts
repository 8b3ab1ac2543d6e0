import { optionReaders, type PolicySpec, type ServiceOptions } from '../../src/index.js';
import { type GrpcServiceConfig, readServiceConfig } from './service-config.js';
import type { Classify } from './status.js';

const { callback, given, number, optional, readOptions, text } = optionReaders;

/** What a channel may be told by its target's query, by its service config, or in code. */
export interface GrpcTargetOptions {
  /** The policy for channels to this service. Default: the service's own. */
  readonly policy?: PolicySpec;
  /** The request header whose value is the routing key. A name ending in `-bin` gives bytes. Default: none. */
  readonly keyHeader?: string;
  /** The `:authority` of calls and the server name expected by TLS. Default: the service's name. */
  readonly authority?: string;
  /**
   * How long a connection may take, the server's first word included; milliseconds. Default 5,000; 10 to 600,000. Without
   * it a peer that accepts and never speaks is waited for without end.
   */
  readonly connectTimeoutMs?: number;
  /**
   * The name to watch in each server's `grpc.health.v1.Health` service, over the connection that calls use: an endpoint is
   * used while it says SERVING, or has no such service (gRFC A17). '' asks for the server as a whole. Default: not asked.
   */
  readonly healthService?: string;
  /** Options of the service, for the first channel to it: as in `mesh.service(name, options)`. */
  readonly affinity?: ServiceOptions['affinity'];
  readonly maxEjectionRatio?: number;
  readonly panicThreshold?: number;
  readonly discovery?: ServiceOptions['discovery'];
  readonly measureLatency?: boolean;
}

export interface GrpcServiceOptions extends GrpcTargetOptions {
  /** Timeouts, retries and hedging by method. What the channel's own service config says comes first. */
  readonly serviceConfig?: GrpcServiceConfig;
}

export interface GrpcOptions {
  /** The scheme of the targets. Default `fairlead`; another one for a second mesh. */
  readonly scheme?: string;
  /** Options by service name. */
  readonly services?: Readonly<Record<string, GrpcServiceOptions>>;
  /** Options for services that have none of their own. */
  readonly defaults?: GrpcServiceOptions;
  /** Judges how a call ended where the status code alone does not tell. One that throws is not asked again for that call. */
  readonly classify?: Classify;
  /**
   * How long the first calls wait for discovery to answer before they fail with UNAVAILABLE; milliseconds. Default 5,000.
   * Calls that are `waitForReady` wait on.
   */
  readonly discoveryTimeoutMs?: number;
}

export interface ReadGrpcOptions {
  readonly scheme: string;
  readonly services: Readonly<Record<string, ReadServiceOptions>>;
  readonly defaults: ReadServiceOptions;
  readonly classify: Classify | undefined;
  readonly discoveryTimeoutMs: number;
}

export interface ReadServiceOptions {
  /** Not yet checked as a whole: the target and the channel have a say as well. */
  readonly target: GrpcTargetOptions;
  readonly serviceConfig: GrpcServiceConfig;
}

/** What a channel goes by, all sources merged. */
export interface ReadTargetOptions {
  readonly policy: PolicySpec | undefined;
  readonly keyHeader: string | undefined;
  readonly authority: string | undefined;
  readonly connectTimeoutMs: number;
  readonly healthService: string | undefined;
  /** What is not the channel's but the service's; undefined where nothing is said. */
  readonly service: ServiceOptions | undefined;
}

const SCHEME = /^[a-z][a-z0-9+.-]*$/;

export function readGrpcOptions(options: GrpcOptions | undefined): ReadGrpcOptions {
  return readOptions<ReadGrpcOptions>('registerGrpc', options, {
    scheme: (value, name) => {
      if (value === undefined) return 'fairlead';
      if (typeof value === 'string' && SCHEME.test(value)) return value;
      throw optionReaders.invalidOption(name, value, 'a URI scheme in lower case, such as "fairlead"');
    },
    services: (value, name) => {
      const services = (value ?? {}) as Record<string, unknown>;
      const entries = Object.entries(services);
      return Object.fromEntries(entries.map(([key, each]) => [key, readService(each, `${name}.${key}`)]));
    },
    defaults: (value, name) => readService(value, name),
    classify: callback<Classify>(),
    discoveryTimeoutMs: number(5_000, 0, 86_400_000),
  });
}

function readService(value: unknown, name: string): ReadServiceOptions {
  const { serviceConfig, ...target } = (value ?? {}) as GrpcServiceOptions;
  readTargetOptions(name, target);
  return { target, serviceConfig: readServiceConfig(serviceConfig, `${name}.serviceConfig`) };
}

/** Checks the names of all, and the values of those that the channel itself uses; the service checks its own. */
export function readTargetOptions(context: string, options: GrpcTargetOptions): ReadTargetOptions {
  const read = readOptions<GrpcTargetOptions>(context, options, {
    policy: given<PolicySpec>() as never,
    keyHeader: optional(text(undefined)) as never,
    authority: optional(text(undefined)) as never,
    connectTimeoutMs: number(5_000, 10, 600_000),
    healthService: given() as never,
    affinity: given() as never,
    maxEjectionRatio: given() as never,
    panicThreshold: given() as never,
    discovery: given() as never,
    measureLatency: given() as never,
  });
  const { policy, keyHeader, authority, connectTimeoutMs, healthService, ...rest } = read;
  if (healthService !== undefined && typeof healthService !== 'string') {
    throw optionReaders.invalidOption(`${context}.healthService`, healthService, "a string; '' for the whole server");
  }
  const said = Object.entries(rest).filter(([, value]) => value !== undefined);
  const channel = { policy, keyHeader, authority, connectTimeoutMs: connectTimeoutMs as number, healthService };
  return { ...channel, service: said.length === 0 ? undefined : Object.fromEntries(said) };
}
