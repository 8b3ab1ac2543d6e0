import { type MethodConfig, status } from '@grpc/grpc-js';
import type { Policy, PolicySpec } from '../../../src/index.js';
import { REFUSED_STREAM } from '../common/status.js';
import { DURATION, type GrpcMethodConfig, type GrpcServiceConfig } from './service-config.js';

/**
 * A method's config as grpc-js carries it out. The duration is parsed here: grpc-js 1.14 reads
 * `"0.5s"` as 5 ns.
 */
function toMethodConfig(config: GrpcMethodConfig): MethodConfig {
  const { timeout, idempotent, unary: _, ...rest } = config;
  const match = timeout === undefined ? null : DURATION.exec(timeout);
  const parsed = { ...rest, name: [...config.name] } as MethodConfig;
  if (idempotent && rest.retryPolicy === undefined && rest.hedgingPolicy === undefined) {
    parsed.hedgingPolicy = IDEMPOTENT_HEDGING;
  }
  if (match !== null) parsed.timeout = { seconds: Number(match[1]), nanos: Number((match[2] ?? '').padEnd(9, '0')) };
  return parsed;
}

/**
 * Three attempts survive two bad endpoints; half a second is long for a healthy one and short for a
 * user.
 */
const IDEMPOTENT_HEDGING: NonNullable<MethodConfig['hedgingPolicy']> = {
  maxAttempts: 3,
  hedgingDelay: '0.5s',
  nonFatalStatusCodes: ['UNAVAILABLE'],
};

/** The first throttling that a source sets. */
export function throttlingOf(sources: readonly GrpcServiceConfig[]): GrpcServiceConfig['retryThrottling'] {
  return sources.find(({ retryThrottling }) => retryThrottling !== undefined)?.retryThrottling;
}

/** The first health service that a source names. */
export function healthServiceOf(sources: readonly GrpcServiceConfig[]): string | undefined {
  return sources.find(({ healthCheckConfig }) => healthCheckConfig !== undefined)?.healthCheckConfig?.serviceName;
}

/** Which policy picks for a method, where it is not the channel's. */
export interface MethodPolicy {
  readonly spec: PolicySpec;
  /** Equal for specs that say the same, so that methods share a picker. */
  readonly key: unknown;
}

/** How the calls of one method are made. */
export interface MethodPlan {
  /** The method that it was made for first; '' where nothing is said of it. */
  readonly path: string;
  /** For grpc-js. */
  readonly config: MethodConfig;
  /** Making a call twice is as good as making it once. */
  readonly idempotent: boolean;
  readonly hedged: boolean;
  /**
   * Whether attempts beyond the first are paid from the budget: hedges that are ours, not of a
   * policy that was given.
   */
  readonly budgeted: boolean;
  readonly throttling: GrpcServiceConfig['retryThrottling'];
  /** The codes after which there may be another attempt. */
  readonly repeatable: ReadonlySet<status>;
  /** Whether an answer counts only once it is whole. */
  readonly holdsAnswers: boolean;
  /** No policy repeats its calls, only refused streams are. */
  readonly repeatsRefusedOnly: boolean;
  /** A code that does not end a hedged call. */
  readonly unsentCode: status;
  readonly policy: MethodPolicy | undefined;
}

/**
 * Of a hedging policy to which every failure is fatal: a code that no server sends, and that no
 * caller sees.
 */
const UNSENT = 1_000 as status;

/**
 * What is refused is repeated, whatever the method does: its server did nothing for it. grpc-js
 * does so once (gRFC A6), and where all servers of a service say GOAWAY in one moment the next one
 * refuses as well. The pauses are for the others' GOAWAY to arrive.
 */
const REPEAT_REFUSED: NonNullable<MethodConfig['retryPolicy']> = {
  maxAttempts: 5,
  initialBackoff: '0.005s',
  maxBackoff: '0.1s',
  backoffMultiplier: 2,
  retryableStatusCodes: [REFUSED_STREAM],
};

const NO_CONFIG: MethodConfig = { name: [], retryPolicy: REPEAT_REFUSED };
/** Where nothing is said of a method. */
export const NO_PLAN: MethodPlan = {
  path: '',
  config: NO_CONFIG,
  idempotent: false,
  hedged: false,
  budgeted: false,
  throttling: undefined,
  repeatable: new Set(),
  holdsAnswers: false,
  repeatsRefusedOnly: true,
  unsentCode: UNSENT,
  policy: undefined,
};

function planOf(path: string, merged: GrpcMethodConfig | undefined, throttling: MethodPlan['throttling']): MethodPlan {
  if (merged === undefined) return throttling === undefined ? NO_PLAN : { ...NO_PLAN, throttling };
  const { policy: spec, ...rest } = merged;
  const config = toMethodConfig(rest);
  const { hedgingPolicy, retryPolicy } = config;
  const codes = (hedgingPolicy?.nonFatalStatusCodes ?? retryPolicy?.retryableStatusCodes ?? []).map(codeOf);
  if (hedgingPolicy !== undefined) {
    const nonFatal = codes.length === 0 ? [UNSENT] : (hedgingPolicy.nonFatalStatusCodes ?? []);
    config.hedgingPolicy = { ...hedgingPolicy, nonFatalStatusCodes: [...nonFatal, REFUSED_STREAM] };
  } else {
    const retry = retryPolicy ?? REPEAT_REFUSED;
    const retryable = retryPolicy?.retryableStatusCodes ?? [];
    config.retryPolicy = { ...retry, retryableStatusCodes: [...retryable, REFUSED_STREAM] };
  }
  return {
    path,
    config,
    idempotent: merged.idempotent === true,
    hedged: hedgingPolicy !== undefined,
    budgeted: hedgingPolicy === IDEMPOTENT_HEDGING,
    throttling,
    repeatable: new Set(codes),
    repeatsRefusedOnly: (hedgingPolicy ?? retryPolicy) === undefined,
    holdsAnswers: merged.unary === true && (hedgingPolicy ?? retryPolicy) !== undefined,
    unsentCode: codes[0] ?? UNSENT,
    policy: spec === undefined ? undefined : { spec, key: keyOf(spec) },
  };
}

/** Configs name them in either way. */
function codeOf(code: string | status): status {
  return typeof code === 'number' ? code : status[code.toUpperCase() as keyof typeof status];
}

/** A policy made in code is itself; a name and a name with options are what they say. */
function keyOf(spec: PolicySpec): unknown {
  if (typeof spec === 'string') return JSON.stringify({ [spec]: {} });
  return typeof (spec as Policy).create === 'function' ? spec : JSON.stringify(spec);
}

/**
 * Methods remembered per channel; paths beyond are looked up each time. Only programs that make up
 * paths exceed this.
 */
const MAX_REMEMBERED = 1_000;

/** A service config that may change while channels are in use. */
export interface LiveConfig {
  readonly current: GrpcServiceConfig;
  /** Another number for another config. */
  readonly version: number;
  /** Calls `changed` for every other config, until the returned function is called. */
  onChange(changed: () => void): () => void;
}

/**
 * Which config applies to a method. Within one source the most specific name wins, as gRPC says; of
 * the sources, the first has precedence field by field, so that a timeout given by a channel leaves
 * the retries given in code alone.
 */
export class MethodConfigs {
  readonly #given: readonly GrpcServiceConfig[];
  readonly #live: LiveConfig | undefined;
  #known: Map<string, MethodPlan> | undefined;
  #sources: readonly GrpcServiceConfig[] = [];
  #throttling: GrpcServiceConfig['retryThrottling'];
  #version = -1;

  /** `live` stands after the first of the given ones, the channel's own. */
  constructor(given: readonly GrpcServiceConfig[], live?: LiveConfig) {
    this.#given = given;
    this.#live = live;
  }

  /** All sources as of now, by precedence. */
  get sources(): readonly GrpcServiceConfig[] {
    const live = this.#live === undefined ? [] : [this.#live.current];
    return [...this.#given.slice(0, 1), ...live, ...this.#given.slice(1)];
  }

  /** The live config changed: what was merged from the one before is forgotten. */
  #refresh(version: number): void {
    this.#version = version;
    this.#known = undefined;
    this.#throttling = throttlingOf(this.sources);
    this.#sources = this.sources.filter((source) => (source.methodConfig?.length ?? 0) > 0);
  }

  /** `path` is `/package.Service/Method`. */
  get(path: string): MethodPlan {
    const version = this.#live?.version ?? 0;
    if (version !== this.#version) this.#refresh(version);
    if (this.#sources.length === 0) return NO_PLAN;
    this.#known ??= new Map();
    const known = this.#known.get(path);
    if (known !== undefined) return known;
    const [, service = '', method = ''] = path.split('/');
    let merged: GrpcMethodConfig | undefined;
    for (const source of this.#sources) merged = merge(merged, mostSpecific(source, service, method));
    const plan = planOf(path, merged, this.#throttling);
    if (this.#known.size < MAX_REMEMBERED) this.#known.set(path, plan);
    return plan;
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
