import { hostname } from 'node:os';
import {
  boolean,
  integer,
  invalidOption,
  number,
  oneOf,
  optional,
  type Reader,
  readOptions,
  text,
  unchecked,
} from '../../runtime/options.js';
import { instanceSchema, requiredPort, requiredText, textRecord } from '../instance-schema.js';
import type { KeptInstance } from '../kept-registration.js';
import type { InstanceInput, InstanceUpdate, ReportedHealth } from '../registrar.js';

interface CheckOptions {
  /** Default: the service's id and the number of the check. */
  readonly name?: string;
  /**
   * The state until the check has run. Default `critical`, as Consul has it; for a `ttl` check
   * `passing`.
   */
  readonly initialStatus?: 'passing' | 'warning' | 'critical';
  /**
   * Consul removes the instance when it was critical for this long; milliseconds. Consul looks
   * every 30 s. Default: never; 60,000 (its own minimum) to 31,536,000,000.
   */
  readonly deregisterAfterMs?: number;
}

interface ProbeOptions extends CheckOptions {
  /** Time between two runs; milliseconds. Default 10,000; 100 to 86,400,000. */
  readonly intervalMs?: number;
  /** Default 10,000; 1 to 86,400,000. */
  readonly timeoutMs?: number;
  /** Do not verify the certificate. Default false. */
  readonly skipVerify?: boolean;
}

/** How Consul learns whether the instance is well. */
export type ConsulCheck =
  /** We say so, three times within each `ttlMs` (default 15,000; 1,000 to 86,400,000). */
  | (CheckOptions & { readonly type: 'ttl'; readonly ttlMs?: number })
  /** The agent asks for `url`: 2xx passes, 429 warns. */
  | (ProbeOptions & {
      readonly type: 'http';
      readonly url: string;
      readonly method?: string;
      readonly headers?: Readonly<Record<string, string>>;
    })
  /** The agent connects to `address`, `host:port`. */
  | (ProbeOptions & { readonly type: 'tcp'; readonly address: string })
  /** The agent calls the gRPC health service at `address`, `host:port` or `host:port/service`. */
  | (ProbeOptions & { readonly type: 'grpc'; readonly address: string; readonly tls?: boolean });

/** An instance as Consul knows it. */
export interface ConsulInstance extends InstanceInput {
  /** Its weight while a check warns: 0 to 65,535, where 0 means no traffic. Default 1. */
  readonly warningWeight?: number;
  /** Further addresses by name: `lan`, `wan`, `lan_ipv6` or any of your own. */
  readonly taggedAddresses?: Readonly<Record<string, { readonly host: string; readonly port?: number }>>;
  /** Let others change the tags in the catalogue. Default false. */
  readonly enableTagOverride?: boolean;
  /** Default: one `ttl` check. An empty list means none: listed as long as it is registered. */
  readonly checks?: readonly ConsulCheck[];
}

/** What may change of it while it is registered: what is left out stays as it is. */
export type ConsulInstanceUpdate = InstanceUpdate & Partial<Pick<ConsulInstance, 'warningWeight' | 'taggedAddresses'>>;

/** A registration as read: what is sent, and what we have to keep up. */
export interface InstanceSettings extends KeptInstance {
  /** As it was given, updates included. */
  readonly input: ConsulInstance;
  /** The body of `PUT /v1/agent/service/register`. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Ids of the checks we keep alive, and how often. */
  readonly heartbeats: readonly { readonly checkId: string; readonly intervalMs: number }[];
}

const YEAR_MS = 31_536_000_000;
const DAY_MS = 86_400_000;
const DEFAULT_TTL_MS = 15_000;

/** Heartbeats per TTL: two may get lost. */
const BEATS_PER_TTL = 3;

const addresses: Reader<Record<string, unknown>> = (value, name) => {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null) throw invalidOption(name, value, 'an object of { host, port }');
  return Object.fromEntries(
    Object.entries(value).map(([tag, each]) => {
      const read = readOptions<{ host: string; port: number | undefined }>(`${name}.${tag}`, each, {
        host: requiredText,
        port: optional(requiredPort),
      });
      return [tag, { Address: read.host, Port: read.port ?? 0 }];
    }),
  );
};

const common = {
  type: requiredText,
  name: text(undefined),
  initialStatus: optional(oneOf('passing', 'passing', 'warning', 'critical')),
  deregisterAfterMs: optional(number(60_000, 60_000, YEAR_MS)),
};
const probe = {
  ...common,
  intervalMs: number(10_000, 100, DAY_MS),
  timeoutMs: number(10_000, 1, DAY_MS),
  skipVerify: boolean(false),
};
const CHECKS: Readonly<Record<string, Readonly<Record<string, Reader<unknown>>>>> = {
  ttl: { ...common, ttlMs: number(DEFAULT_TTL_MS, 1_000, DAY_MS) },
  http: { ...probe, url: requiredText, method: text(undefined), headers: textRecord },
  tcp: { ...probe, address: requiredText },
  grpc: { ...probe, address: requiredText, tls: boolean(false) },
};

type CheckSettings = Readonly<Record<string, unknown>> & { readonly type: string };

const checks: Reader<readonly CheckSettings[]> = (value, name) => {
  if (value === undefined) return [{ type: 'ttl', ttlMs: DEFAULT_TTL_MS }];
  if (!Array.isArray(value)) throw invalidOption(name, value, 'an array of checks');
  return value.map((check: unknown, index) => {
    const type = String((check as ConsulCheck | null)?.type);
    const schema = Object.hasOwn(CHECKS, type) ? CHECKS[type] : undefined;
    if (schema === undefined) {
      throw invalidOption(`${name}[${index}].type`, type, `one of ${Object.keys(CHECKS).join(', ')}`);
    }
    return readOptions<CheckSettings>(`${name}[${index}]`, check, schema as never);
  });
};

/** Reads an instance. Throws FAIRLEAD_INVALID_OPTION. */
export function readInstance(instance: ConsulInstance): InstanceSettings {
  const read = readOptions<Required<Omit<ConsulInstance, 'checks'>> & { readonly checks: readonly CheckSettings[] }>(
    'register',
    instance,
    {
      ...instanceSchema,
      warningWeight: integer(1, 0, 65_535),
      taggedAddresses: addresses,
      enableTagOverride: boolean(false),
      checks,
    } as never,
  );
  const id = read.id ?? `${read.service}-${read.host ?? hostname()}-${read.port}`;
  const checkIds = read.checks.map((_, index) => `service:${id}:${index + 1}`);
  return {
    service: read.service,
    id,
    key: id,
    input: instance,
    body: {
      ID: id,
      Name: read.service,
      Address: read.host ?? '',
      Port: read.port,
      Tags: read.tags,
      Meta: read.zone === undefined ? read.meta : { zone: read.zone, ...read.meta },
      Weights: { Passing: read.weight, Warning: read.warningWeight },
      TaggedAddresses: read.taggedAddresses,
      EnableTagOverride: read.enableTagOverride,
      Checks: read.checks.map((check, index) => toConsulCheck(check, checkIds[index]!)),
    },
    heartbeats: read.checks.flatMap((check, index) =>
      check.type === 'ttl' ? [{ checkId: checkIds[index]!, intervalMs: (check.ttlMs as number) / BEATS_PER_TTL }] : [],
    ),
  };
}

const UPDATABLE = ['weight', 'warningWeight', 'zone', 'tags', 'meta', 'taggedAddresses'] as const;

/** The instance with changes. Throws FAIRLEAD_INVALID_OPTION, also for what cannot change. */
export function updateInstance(instance: InstanceSettings, changes: ConsulInstanceUpdate): InstanceSettings {
  const allowed = Object.fromEntries(UPDATABLE.map((key) => [key, unchecked()]));
  readOptions('update', changes, allowed as never);
  const given = Object.entries(changes).filter(([, value]) => value !== undefined);
  return readInstance({ ...instance.input, id: instance.id, ...Object.fromEntries(given) });
}

/**
 * What is sent to register it: where its health was reported, the checks that we keep alive begin
 * with that.
 */
export function registrationOf(
  { body, heartbeats }: InstanceSettings,
  health: ReportedHealth | undefined,
): Readonly<Record<string, unknown>> {
  if (health === undefined || heartbeats.length === 0) return body;
  const checks = body.Checks as readonly Readonly<Record<string, unknown>>[];
  return { ...body, Checks: checks.map((check) => ('TTL' in check ? { ...check, Status: health } : check)) };
}

function toConsulCheck(check: CheckSettings, checkId: string): Readonly<Record<string, unknown>> {
  const body: Record<string, unknown> = { CheckID: checkId, Name: check.name ?? checkId };
  if (check.initialStatus !== undefined) body.Status = check.initialStatus;
  if (check.deregisterAfterMs !== undefined) body.DeregisterCriticalServiceAfter = `${check.deregisterAfterMs}ms`;
  if (check.type === 'ttl') {
    // We are alive: waiting for the first heartbeat would only cost the time until it arrives.
    return { ...body, Status: check.initialStatus ?? 'passing', TTL: `${check.ttlMs}ms` };
  }
  Object.assign(body, { Interval: `${check.intervalMs}ms`, Timeout: `${check.timeoutMs}ms` });
  if (check.skipVerify === true) body.TLSSkipVerify = true;
  if (check.type === 'tcp') return { ...body, TCP: check.address };
  if (check.type === 'grpc') return { ...body, GRPC: check.address, GRPCUseTLS: check.tls };
  const headers = Object.entries(check.headers as Record<string, string>).map(([name, value]) => [name, [value]]);
  return {
    ...body,
    HTTP: check.url,
    ...(check.method === undefined ? {} : { Method: check.method }),
    Header: Object.fromEntries(headers),
  };
}
