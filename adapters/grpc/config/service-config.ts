import { type status as Code, status } from '@grpc/grpc-js';
import { optionReaders, type PolicyRegistry, parseJson } from '../../../src/adapter.js';
import { FairleadError, type PolicySpec } from '../../../src/index.js';
import { type UnknownFields, warnOfUnknown, withoutUnknown } from './unknown-fields.js';

const { boolean, unchecked, integer, invalidOption, number, optional, readOptions, text } = optionReaders;

/**
 * The part of a gRPC service config (grpc/proposal, "service_config.md") that grpc-js carries out.
 * Read strictly: what would have no effect is refused.
 */
export interface GrpcServiceConfig {
  readonly methodConfig?: readonly GrpcMethodConfig[];
  /** Stops retries and hedges while too many calls fail (gRFC A6). None by default. */
  readonly retryThrottling?: { readonly maxTokens: number; readonly tokenRatio: number };
  /**
   * Whom to ask the servers' health service for (gRFC A17); the option `healthService` comes first.
   */
  readonly healthCheckConfig?: { readonly serviceName: string };
}

export interface GrpcMethodConfig {
  /** `{}` is every method, `{ service }` every method of one, `{ service, method }` one method. */
  readonly name: readonly { readonly service?: string; readonly method?: string }[];
  /** Which policy picks for it; the channel's where nothing is said. */
  readonly policy?: PolicySpec;
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
   * Says that a call may be made twice. It is then repeated elsewhere at once when an endpoint
   * fails it with UNAVAILABLE, and hedged when it got no answer for half a second, at most 3
   * attempts in all, within a budget: over any 10 s no more than 20 % of these calls and 10 per
   * second for all channels to the service, and within `retryThrottling` where there is one. Short
   * for a `hedgingPolicy`, and without effect beside one or beside a `retryPolicy`.
   */
  readonly idempotent?: boolean;
  /**
   * Says that the answer is one message. It then counts once its status has arrived: a call whose
   * server dies or hangs between the two is repeated like any other, as `idempotent` or a policy
   * says, where gRFC A6 would give it up once headers have come. Callers see headers together with
   * the rest. Not for methods that stream their answer: headers and the first message would come
   * with the second one, or with the end.
   */
  readonly unary?: boolean;
  /** gRFC A6. At most 5 attempts. */
  readonly hedgingPolicy?: {
    readonly maxAttempts: number;
    readonly hedgingDelay?: string;
    readonly nonFatalStatusCodes?: readonly (string | number)[];
  };
}

/**
 * Checks a service config given in code or by a channel. Returns it. Throws
 * FAIRLEAD_INVALID_OPTION.
 */
export function readServiceConfig(
  value: unknown,
  name: string,
  unknownFields: UnknownFields = 'refuse',
): GrpcServiceConfig {
  const read = readOptions<{
    methodConfig: readonly GrpcMethodConfig[];
    retryThrottling: GrpcServiceConfig['retryThrottling'];
    healthCheckConfig: GrpcServiceConfig['healthCheckConfig'];
  }>(name, withoutUnknown(value, name, unknownFields), {
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

/** Refuses policies of methods that do not exist, or whose options are wrong. */
export function checkMethodPolicies(config: GrpcServiceConfig, policies: PolicyRegistry, name: string): void {
  for (const [index, { policy }] of (config.methodConfig ?? []).entries()) {
    if (policy !== undefined) policies.resolve(policy, `${name}.methodConfig[${index}].policy`);
  }
}

function readMethod(value: unknown, name: string): GrpcMethodConfig {
  const read = readOptions<Required<GrpcMethodConfig>>(name, value, {
    name: (names, at) => {
      if (!Array.isArray(names) || names.length === 0)
        throw invalidOption(at, names, 'an array of names, [{}] for all');
      return names.map((each, index) => readName(each, `${at}[${index}]`));
    },
    policy: unchecked<PolicySpec>() as never,
    waitForReady: optional(boolean(false)) as never,
    idempotent: optional(boolean(false)) as never,
    unary: optional(boolean(false)) as never,
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

export const DURATION: RegExp = /^(\d+)(?:\.(\d{1,9}))?s$/;

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

/** A channel's own `grpc.service_config`, split into what it says about balancing and the rest. */
export interface ChannelServiceConfig {
  /**
   * The option objects of the first entry that means something to us; undefined where it says
   * nothing.
   */
  readonly balancing: Readonly<Record<string, unknown>> | undefined;
  readonly serviceConfig: GrpcServiceConfig;
}

/** Where nothing is said: every channel keeps it. */
export const NO_SERVICE_CONFIG: GrpcServiceConfig = Object.freeze({});
const NOTHING_SAID: ChannelServiceConfig = { balancing: undefined, serviceConfig: NO_SERVICE_CONFIG };

/**
 * Reads the JSON of the channel option. Of `loadBalancingConfig` the first entry whose name is
 * known counts, as gRPC says: `{ fairlead: options }`, or `{ policy: options }` for any policy of
 * the mesh. An entry that is known but wrong, or a list of which nothing is known, is refused:
 * grpc-js would quietly send every call to one server.
 */
export function readChannelServiceConfig(
  json: unknown,
  registry: PolicyRegistry,
  unknownFields: UnknownFields = 'refuse',
): ChannelServiceConfig {
  const name = 'grpc.service_config';
  if (json === undefined) return NOTHING_SAID;
  if (typeof json !== 'string') throw invalidOption(name, json, 'a string of JSON');
  let parsed: unknown;
  try {
    parsed = parseJson(json);
  } catch (cause) {
    throw new FairleadError('FAIRLEAD_INVALID_OPTION', `${name}: ${(cause as Error).message}.`, { cause });
  }
  if (parsed !== null && !isObject(parsed)) throw invalidOption(name, parsed, 'a JSON object');
  const { loadBalancingConfig, loadBalancingPolicy, ...rest } = parsed ?? {};
  const list = [...readBalancingList(loadBalancingConfig, `${name}.loadBalancingConfig`)];
  const policy = text(undefined)(loadBalancingPolicy ?? undefined, `${name}.loadBalancingPolicy`);
  if (policy !== undefined && list.length === 0) list.push({ [policy.toLowerCase()]: {} });
  const serviceConfig = readServiceConfig(rest, name, unknownFields);
  checkMethodPolicies(serviceConfig, registry, name);
  return { balancing: readBalancing(list, registry.names, name, unknownFields), serviceConfig };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readBalancingList(value: unknown, name: string): readonly Readonly<Record<string, unknown>>[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.every(isObject)) return value;
  throw invalidOption(name, value, 'an array of objects, such as [{ "peak_ewma": {} }]');
}

function readBalancing(
  list: readonly Readonly<Record<string, unknown>>[],
  policies: readonly string[],
  name: string,
  unknownFields: UnknownFields,
): Readonly<Record<string, unknown>> | undefined {
  if (list.length === 0) return undefined;
  for (const entry of list) {
    const [policy, options] = Object.entries(entry)[0] ?? [];
    if (policy === 'fairlead') return (options ?? {}) as Record<string, unknown>;
    if (policy !== undefined && policies.includes(policy)) return { policy: { [policy]: options } };
  }
  const given = list.flatMap((entry) => Object.keys(entry)).join(', ');
  if (unknownFields === 'warn') {
    warnOfUnknown(name, [`loadBalancingConfig (${given.slice(0, 200)})`]);
    return undefined;
  }
  throw invalidOption(`${name}.loadBalancingConfig`, given, `fairlead, ${policies.join(', ')}`);
}
