import { type status as Code, type MethodConfig, type ServiceConfig, status } from '@grpc/grpc-js';
import { FairleadError, optionReaders } from '../../src/index.js';

const { boolean, integer, invalidOption, number, optional, readOptions } = optionReaders;

/**
 * The part of a gRPC service config (grpc/proposal, "service_config.md") that grpc-js carries out. Read strictly: what
 * would have no effect is refused.
 */
export interface GrpcServiceConfig {
  readonly methodConfig?: readonly GrpcMethodConfig[];
  /** Stops retries and hedges of the whole channel while too many calls fail (gRFC A6). */
  readonly retryThrottling?: { readonly maxTokens: number; readonly tokenRatio: number };
  /** Whom to ask the servers' health service for (gRFC A17); the option `healthService` comes first. */
  readonly healthCheckConfig?: { readonly serviceName: string };
}

export interface GrpcMethodConfig {
  /** `{}` is every method, `{ service }` every method of one, `{ service, method }` one method. */
  readonly name: readonly { readonly service?: string; readonly method?: string }[];
  /** Calls wait for a connection instead of failing; a call's own metadata options come first. */
  readonly waitForReady?: boolean;
  /** Such as `"0.5s"`. The earlier of this and the call's own deadline applies. */
  readonly timeout?: string;
  /** gRFC A6. At most 5 attempts. Not together with `hedgingPolicy`. */
  readonly retryPolicy?: {
    readonly maxAttempts: number;
    readonly initialBackoff: string;
    readonly maxBackoff: string;
    readonly backoffMultiplier: number;
    readonly retryableStatusCodes: readonly (string | number)[];
  };
  /**
   * Says that a call may be made twice. It is then repeated elsewhere at once when an endpoint fails it with UNAVAILABLE, and
   * hedged when it got no answer for half a second, at most 3 attempts in all, within `retryThrottling`. Short for a
   * `hedgingPolicy`, and without effect beside one or beside a `retryPolicy`.
   */
  readonly idempotent?: boolean;
  /** gRFC A6. At most 5 attempts. */
  readonly hedgingPolicy?: {
    readonly maxAttempts: number;
    readonly hedgingDelay?: string;
    readonly nonFatalStatusCodes?: readonly (string | number)[];
  };
}

/** Checks a service config given in code or by a channel. Gives it back. Throws FAIRLEAD_INVALID_OPTION. */
export function readServiceConfig(value: unknown, name: string): GrpcServiceConfig {
  const read = readOptions<{
    methodConfig: readonly GrpcMethodConfig[];
    retryThrottling: GrpcServiceConfig['retryThrottling'];
    healthCheckConfig: GrpcServiceConfig['healthCheckConfig'];
  }>(name, value, {
    methodConfig: (list, at) => {
      if (list === undefined) return [];
      if (!Array.isArray(list)) throw invalidOption(at, list, 'an array');
      return list.map((each, index) => readMethod(each, `${at}[${index}]`));
    },
    retryThrottling: optional((throttling, at) =>
      readOptions<{ maxTokens: number; tokenRatio: number }>(at, throttling, {
        maxTokens: required(number(0, Number.MIN_VALUE, 1_000)),
        tokenRatio: required(number(0, Number.MIN_VALUE, 1_000)),
      }),
    ),
    healthCheckConfig: optional((health, at) =>
      readOptions<{ serviceName: string }>(at, health, {
        serviceName: (value, option) => {
          if (value === undefined || typeof value === 'string') return value ?? '';
          throw invalidOption(option, value, "a string; '' for the whole server");
        },
      }),
    ),
  });
  refuseDuplicates(read.methodConfig, name);
  return withoutUndefined(read) as GrpcServiceConfig;
}

function readMethod(value: unknown, name: string): GrpcMethodConfig {
  const read = readOptions<Required<GrpcMethodConfig>>(name, value, {
    name: (names, at) => {
      if (!Array.isArray(names) || names.length === 0)
        throw invalidOption(at, names, 'an array of names, [{}] for all');
      return names.map((each, index) => readName(each, `${at}[${index}]`));
    },
    waitForReady: optional(boolean(false)) as never,
    idempotent: optional(boolean(false)) as never,
    timeout: optional(duration) as never,
    retryPolicy: optional((policy, at) =>
      readOptions<NonNullable<GrpcMethodConfig['retryPolicy']>>(at, policy, {
        maxAttempts: required(integer(2, 2, 100)),
        initialBackoff: required(duration),
        maxBackoff: required(duration),
        backoffMultiplier: required(number(1, Number.MIN_VALUE, 1_000)),
        retryableStatusCodes: required(codes),
      }),
    ) as never,
    hedgingPolicy: optional((policy, at) =>
      readOptions<Required<NonNullable<GrpcMethodConfig['hedgingPolicy']>>>(at, policy, {
        maxAttempts: required(integer(2, 2, 100)),
        hedgingDelay: optional(duration) as never,
        nonFatalStatusCodes: optional(codes) as never,
      }),
    ) as never,
  });
  if (read.retryPolicy !== undefined && read.hedgingPolicy !== undefined) {
    throw invalidOption(`${name}.hedgingPolicy`, read.hedgingPolicy, 'none where there is a retryPolicy');
  }
  return withoutUndefined(read);
}

function readName(value: unknown, name: string): { service?: string; method?: string } {
  const { service, method } = readOptions<{ service: unknown; method: unknown }>(name, value, {
    service: (each) => each,
    method: (each) => each,
  });
  for (const [key, each] of [['service', service] as const, ['method', method] as const]) {
    if (each !== undefined && typeof each !== 'string') throw invalidOption(`${name}.${key}`, each, 'a string');
  }
  if (method && !service) throw invalidOption(`${name}.method`, method, 'none without a service');
  // As in proto3 JSON, '' is the same as absent.
  return { ...(service ? { service: String(service) } : {}), ...(method ? { method: String(method) } : {}) };
}

function refuseDuplicates(methods: readonly GrpcMethodConfig[], name: string): void {
  const seen = new Set<string>();
  for (const { service = '', method = '' } of methods.flatMap((each) => each.name)) {
    const key = `${service}/${method}`;
    if (seen.has(key)) {
      throw new FairleadError('FAIRLEAD_INVALID_OPTION', `${name}.methodConfig names "${key}" twice.`);
    }
    seen.add(key);
  }
}

const DURATION = /^(\d+)(?:\.(\d{1,9}))?s$/;

const duration: optionReaders.Reader<string> = (value, name) => {
  if (typeof value === 'string' && DURATION.test(value)) return value;
  throw invalidOption(name, value, 'a duration such as "0.5s"');
};

const codes: optionReaders.Reader<readonly (string | number)[]> = (value, name) => {
  if (!Array.isArray(value) || value.length === 0) throw invalidOption(name, value, 'an array of status codes');
  for (const code of value) {
    const known = typeof code === 'string' ? Object.hasOwn(status, code.toUpperCase()) : status[code as Code];
    if (!known) throw invalidOption(name, code, 'a status code, such as "UNAVAILABLE"');
  }
  return value;
};

function required<T>(reader: optionReaders.Reader<T>): optionReaders.Reader<T> {
  return (value, name) => {
    if (value === undefined) throw invalidOption(name, value, 'a value: it has no default');
    return reader(value, name);
  };
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as T;
}

/**
 * A method's config as grpc-js carries it out. The duration is parsed here: grpc-js 1.14 reads `"0.5s"` as 5 ns.
 */
function toMethodConfig(config: GrpcMethodConfig): MethodConfig {
  const { timeout, idempotent, ...rest } = config;
  const match = timeout === undefined ? null : DURATION.exec(timeout);
  const parsed = { ...rest, name: [...config.name] } as MethodConfig;
  if (idempotent && rest.retryPolicy === undefined && rest.hedgingPolicy === undefined) {
    parsed.hedgingPolicy = IDEMPOTENT_HEDGING;
  }
  if (match !== null) parsed.timeout = { seconds: Number(match[1]), nanos: Number((match[2] ?? '').padEnd(9, '0')) };
  return parsed;
}

/** Three attempts survive two bad endpoints; half a second is long for a healthy one and short for a user. */
const IDEMPOTENT_HEDGING: NonNullable<MethodConfig['hedgingPolicy']> = {
  maxAttempts: 3,
  hedgingDelay: '0.5s',
  nonFatalStatusCodes: ['UNAVAILABLE'],
};

/**
 * The throttling of channels with idempotent methods that have none: a hundred calls may fail in a row before repeats stop,
 * and five that succeed pay for one more. An outage is not multiplied by it.
 */
const IDEMPOTENT_THROTTLING: NonNullable<GrpcServiceConfig['retryThrottling']> = { maxTokens: 200, tokenRatio: 0.2 };

/** The first throttling that a source gives; a default where a source has idempotent methods. */
export function throttlingOf(sources: readonly GrpcServiceConfig[]): GrpcServiceConfig['retryThrottling'] {
  for (const { retryThrottling } of sources) if (retryThrottling !== undefined) return retryThrottling;
  const idempotent = sources.some(({ methodConfig }) => methodConfig?.some((each) => each.idempotent));
  return idempotent ? IDEMPOTENT_THROTTLING : undefined;
}

const NO_CONFIG: MethodConfig = { name: [] };

/** Methods remembered per channel; paths beyond are looked up each time. Only programs that make up paths have so many. */
const MAX_REMEMBERED = 1_000;

/** A service config that may change while channels are in use. */
export interface LiveConfig {
  readonly current: GrpcServiceConfig;
  /** Another number for another config. */
  readonly version: number;
}

/**
 * Which config applies to a method. Within one source the most specific name wins, as gRPC says; of the sources, the
 * first has precedence field by field, so that a timeout given by a channel leaves the retries given in code alone.
 */
export class MethodConfigs {
  readonly #given: readonly GrpcServiceConfig[];
  readonly #live: LiveConfig | undefined;
  readonly #known = new Map<string, MethodConfig>();
  #sources: readonly GrpcServiceConfig[] = [];
  #version = -1;

  /** `live` stands after the first of the given ones, the channel's own. */
  constructor(given: readonly GrpcServiceConfig[], live?: LiveConfig) {
    this.#given = given;
    this.#live = live;
  }

  /** The live config changed: what was merged from the one before is forgotten. */
  #refresh(version: number): void {
    this.#version = version;
    this.#known.clear();
    const live = this.#live === undefined ? [] : [this.#live.current];
    const sources = [...this.#given.slice(0, 1), ...live, ...this.#given.slice(1)];
    this.#sources = sources.filter((source) => (source.methodConfig?.length ?? 0) > 0);
  }

  /** `path` is `/package.Service/Method`. */
  get(path: string): MethodConfig {
    const version = this.#live?.version ?? 0;
    if (version !== this.#version) this.#refresh(version);
    if (this.#sources.length === 0) return NO_CONFIG;
    const known = this.#known.get(path);
    if (known !== undefined) return known;
    const [, service = '', method = ''] = path.split('/');
    let merged: GrpcMethodConfig | undefined;
    for (const source of this.#sources) merged = merge(merged, mostSpecific(source, service, method));
    const config = merged === undefined ? NO_CONFIG : toMethodConfig(merged);
    if (this.#known.size < MAX_REMEMBERED) this.#known.set(path, config);
    return config;
  }
}

function mostSpecific(source: GrpcServiceConfig, service: string, method: string): GrpcMethodConfig | undefined {
  const methods = source.methodConfig ?? [];
  const find = (wanted: (name: GrpcMethodConfig['name'][number]) => boolean): GrpcMethodConfig | undefined =>
    methods.find((each) => each.name.some(wanted));
  return (
    find((name) => name.service === service && name.method === method) ??
    find((name) => name.service === service && name.method === undefined) ??
    find((name) => name.service === undefined)
  );
}

function merge(first: GrpcMethodConfig | undefined, then: GrpcMethodConfig | undefined): GrpcMethodConfig | undefined {
  if (first === undefined || then === undefined) return first ?? then;
  const merged = { ...then, ...first };
  // A call is either retried or hedged; who comes first decides which.
  if (first.retryPolicy !== undefined) delete (merged as { hedgingPolicy?: unknown }).hedgingPolicy;
  if (first.hedgingPolicy !== undefined) delete (merged as { retryPolicy?: unknown }).retryPolicy;
  return merged;
}

/** A channel's own `grpc.service_config`, split into what it says about balancing and the rest. */
export interface ChannelServiceConfig {
  /** The option objects of the first entry that means something to us; undefined where it says nothing. */
  readonly balancing: Readonly<Record<string, unknown>> | undefined;
  readonly serviceConfig: GrpcServiceConfig;
}

/**
 * Reads the JSON of the channel option. Of `loadBalancingConfig` the first entry whose name is known counts, as gRPC
 * says: `{ fairlead: options }`, or `{ policy: options }` for any policy of the mesh. An entry that is known but wrong, or
 * a list of which nothing is known, is refused: grpc-js would quietly send every call to one server.
 */
export function readChannelServiceConfig(json: unknown, policies: readonly string[]): ChannelServiceConfig {
  const name = 'grpc.service_config';
  if (json === undefined) return { balancing: undefined, serviceConfig: {} };
  if (typeof json !== 'string') throw invalidOption(name, json, 'a string of JSON');
  let parsed: Partial<ServiceConfig>;
  try {
    parsed = JSON.parse(json);
  } catch (error) {
    throw new FairleadError('FAIRLEAD_INVALID_OPTION', `${name} is no JSON: ${String(error)}.`, { cause: error });
  }
  const { loadBalancingConfig, loadBalancingPolicy, ...rest } = parsed ?? {};
  const list = [...(loadBalancingConfig ?? [])];
  if (loadBalancingPolicy !== undefined && list.length === 0) list.push({ [loadBalancingPolicy.toLowerCase()]: {} });
  return { balancing: readBalancing(list, policies, name), serviceConfig: readServiceConfig(rest, name) };
}

function readBalancing(
  list: readonly Readonly<Record<string, unknown>>[],
  policies: readonly string[],
  name: string,
): Readonly<Record<string, unknown>> | undefined {
  if (list.length === 0) return undefined;
  for (const entry of list) {
    const [policy, options] = Object.entries(entry)[0] ?? [];
    if (policy === 'fairlead') return (options ?? {}) as Record<string, unknown>;
    if (policy !== undefined && policies.includes(policy)) return { policy: { [policy]: options } };
  }
  const given = list.flatMap((entry) => Object.keys(entry)).join(', ');
  throw invalidOption(`${name}.loadBalancingConfig`, given, `fairlead, ${policies.join(', ')}`);
}
