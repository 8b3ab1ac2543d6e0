/**
 * Contract: what an instance of a service is. The spec is a value that a resolver reports; the
 * endpoint is the one live object per instance whose counters survive every update of membership.
 */
export interface EndpointSpec {
  /**
   * Unique within the service and stable over restarts of the client: identity for hashing,
   * affinity and events.
   */
  readonly id: string;
  /** A host name or an address; IPv6 without brackets. */
  readonly host: string;
  /** 1 to 65,535. */
  readonly port: number;
  /** Share of traffic relative to the other endpoints: 0.000001 to 65,535; default 1. */
  readonly weight: number;
  /**
   * 0 is used first, higher numbers when too few of the lower are healthy; a whole number from 0 to
   * 127.
   */
  readonly priority: number;
  /** Where it runs; '' where unknown. */
  readonly zone: string;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, string>>;
  /**
   * False where the registry lists the instance and says that it is not well: a failing check,
   * maintenance. It is then an endpoint in state `unhealthy` that is not picked, not even in panic;
   * what owns data stays its owner, because only deregistration changes who owns what. Default
   * true.
   */
  readonly healthy?: boolean;
  /**
   * The weight it is registered with, where `weight` differs from it for the moment: Consul's
   * weight while a check warns. What places data by weight goes by this one, which does not change
   * with health. Range as `weight`; default `weight`.
   */
  readonly registeredWeight?: number;
}

/**
 * - `ready`: may be picked.
 * - `unhealthy`: an active check says no, or its registry does (`spec.healthy` is false).
 * - `ejected`: out because of outcomes, for a while.
 * - `probing`: its ejection is over; one call goes to it first, and its outcome decides.
 * - `draining`: gone from discovery, finishing its calls.
 */
export type EndpointState = 'ready' | 'unhealthy' | 'ejected' | 'probing' | 'draining';

/** One live instance. Read-only for all but the core. */
export interface Endpoint {
  readonly spec: EndpointSpec;
  /**
   * A small whole number, unique among the endpoints that discovery lists now, for arrays kept
   * by endpoint; another gets it when this one is gone.
   */
  readonly ordinal: number;
  readonly state: EndpointState;
  /** Calls in progress, counted from acquire. */
  readonly inflight: number;
  /**
   * Weight in use: the spec's after slow start, and as far as it lies within this client's
   * aperture. Above 0.
   */
  readonly weight: number;
  /**
   * Peak EWMA of the response time as of `latencyAtMs`; NaN before the first sample, and for as
   * long as no policy of the service needs latency.
   */
  readonly latencyMs: number;
  /** The clock's time of the last outcome that meant something; NaN before the first. */
  readonly latencyAtMs: number;
  /**
   * EWMA of calls that were not served, 0 to 1: failures, timeouts and refusals for overload.
   * Decays as the latency does, but each call weighs at least an eighth. As of `latencyAtMs`; kept
   * only where latency is.
   */
  readonly failureRatio: number;
  /**
   * Summed ages of the calls in progress at `nowMs`, in milliseconds: divided by `inflight` it is
   * their mean age, which shows a stuck server before any of its calls returns. 0 where latency
   * is not measured.
   */
  inflightAgeMs(nowMs: number): number;
  /** Calls acquired since the endpoint was first seen. */
  readonly calls: number;
  /** Calls whose outcome spoke against the endpoint. */
  readonly failures: number;
}

/** Far below what any policy can distinguish, and far from where divisions end in Infinity. */
export const MIN_WEIGHT = 1e-6;
export const MAX_WEIGHT = 65_535;

export function isWeight(weight: unknown): weight is number {
  return typeof weight === 'number' && weight >= MIN_WEIGHT && weight <= MAX_WEIGHT;
}

/** `host:port`, with brackets around IPv6. */
export function addressOf(spec: Pick<EndpointSpec, 'host' | 'port'>): string {
  return spec.host.includes(':') ? `[${spec.host}]:${spec.port}` : `${spec.host}:${spec.port}`;
}

/** The weight that does not change with health: for rings and other placements of data. */
export function registeredWeight(spec: Pick<EndpointSpec, 'weight' | 'registeredWeight'>): number {
  return spec.registeredWeight ?? spec.weight;
}

export function sameAddress(a: EndpointSpec, b: EndpointSpec): boolean {
  return a.port === b.port && a.host === b.host;
}

/** Whether two specs say the same. Cheapest where they are one object. */
export function sameSpec(a: EndpointSpec, b: EndpointSpec): boolean {
  return (
    a === b ||
    (a.id === b.id &&
      sameAddress(a, b) &&
      a.weight === b.weight &&
      registeredWeight(a) === registeredWeight(b) &&
      (a.healthy !== false) === (b.healthy !== false) &&
      a.priority === b.priority &&
      a.zone === b.zone &&
      a.tags.length === b.tags.length &&
      a.tags.every((tag, index) => tag === b.tags[index]) &&
      sameMeta(a.meta, b.meta))
  );
}

function sameMeta(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

/** The endpoints that may be picked now. Immutable: a change makes a new one. */
export interface Rotation {
  /** May be picked; never empty while the service has any endpoint that the view may use. */
  readonly ready: readonly Endpoint[];
  /**
   * All that discovery lists and the view covers, healthy or not: what a hash ring is built from.
   */
  readonly members: readonly Endpoint[];
  /** So few are healthy that health is being ignored. */
  readonly panic: boolean;
}
