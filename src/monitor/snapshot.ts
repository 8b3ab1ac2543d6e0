import type { OddityCounts } from '../balancing/oddities.js';
import type { EndpointState } from '../endpoint/endpoint.js';
import type { OutcomeName } from '../runtime/outcome.js';
import type { WindowName } from '../telemetry/windows.js';

/**
 * Contract: what a mesh looks like at one moment, as plain values that JSON can hold. Times are
 * milliseconds; what is not known is null, never 0.
 */
export interface MeshSnapshot {
  /** The time of the machine's calendar, as `Date.now()` tells it. */
  readonly atMs: number;
  /** In the order of their names. */
  readonly services: readonly ServiceSnapshot[];
  /** What adapters made over the mesh. */
  readonly parts: readonly PartSnapshot[];
  /** Of the version that was compared last, services that had calls; empty before the first. */
  readonly comparisons: readonly ConfigComparison[];
}

/** How a service did in the ten seconds before a version of the configuration, or after it. */
export interface ConfigComparison {
  /** Number of the version. */
  readonly version: number;
  readonly service: string;
  readonly when: 'before' | 'after';
  readonly calls: number;
  /** Null where there was no call, as the times are. */
  readonly failureRatio: number | null;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

export interface ServiceSnapshot {
  readonly name: string;
  /** The name of its policy. */
  readonly policy: string;
  readonly closed: boolean;
  /** Why a configuration lets it take no calls any more; null where it does. */
  readonly removed: string | null;
  readonly discovery: DiscoverySnapshot;
  /** So few endpoints are healthy that health is ignored. */
  readonly panic: boolean;
  /**
   * How many may be picked now, by calls of no lane. Those that gRPC cannot connect to do not
   * count.
   */
  readonly ready: number;
  /** How long its calls have been counted; null where they are not. */
  readonly measuredForMs: number | null;
  /** All its calls since they are counted, those on endpoints that left included: never falls. */
  readonly calls: CallSnapshot;
  readonly repeats: RepeatSnapshot;
  /**
   * Draws that came to nothing and probes of no use, since the service was made, by the name of the
   * policy; of those that draw or ask.
   */
  readonly oddities: Readonly<Record<string, OddityCounts>>;
  /** Ejections carried out since these figures are read, by the signal that asked. */
  readonly ejections: Readonly<Record<string, number>>;
  /**
   * Those that discovery lists, in the order of their ids; then those that left, until five minutes
   * after their last call.
   */
  readonly endpoints: readonly EndpointSnapshot[];
}

export interface DiscoverySnapshot {
  /** The name of the resolver. */
  readonly source: string;
  /** How long ago the list was last confirmed; null before the first. */
  readonly ageMs: number | null;
  /** The resolver's version of the list, '' before the first. */
  readonly version: string;
  /** Why it grows old. */
  readonly error: string | null;
}

/** Repeats, hedges, refusals and what became of failed calls since the service was made. */
export interface RepeatSnapshot {
  readonly retries: number;
  readonly retriesOutOfBudget: number;
  readonly hedges: number;
  readonly hedgesWon: number;
  readonly hedgesOutOfBudget: number;
  readonly refused: number;
  /** Calls that no endpoint served, and that got their `fallback`. */
  readonly fallbacks: number;
  /** Calls that had not ended when the service closed, and were broken off. */
  readonly brokenOff: number;
}

export interface EndpointSnapshot {
  readonly id: string;
  /** `host:port`. */
  readonly address: string;
  readonly zone: string;
  readonly priority: number;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, string>>;
  /** As discovery reports it. */
  readonly configuredWeight: number;
  /** As it counts now: after slow start, and within this client's aperture. */
  readonly weight: number;
  /** `unhealthy` also where gRPC cannot connect to it, though the service still offers it. */
  readonly state: EndpointState;
  /** False once it left discovery. */
  readonly listed: boolean;
  /**
   * Why it is not ready: the signal that ejected it, the check that fails and what it says, what
   * discovery says, or why gRPC is not connected to it. Null where it is ready.
   */
  readonly reason: string | null;
  /** How long it has been in this state, as far as was seen. */
  readonly forMs: number;
  /** The ejection that is going on. */
  readonly ejection: EjectionSnapshot | null;
  /** Ejections since the endpoint was first seen. */
  readonly ejections: number;
  readonly inflight: number;
  /** Of its calls: those made after another attempt failed. */
  readonly retries: number;
  /** Those made beside a slow attempt. */
  readonly hedges: number;
  /** Calls that its own limits or its breaker did not let pass; they may have gone elsewhere. */
  readonly refused: number;
  /** Payload, where its adapter knows it (gRPC, HTTP, TCP); 0 where none does. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** The latency by which policies choose; null where none needs it. */
  readonly ewmaMs: number | null;
  /** Null where none of its calls was counted. */
  readonly calls: CallSnapshot | null;
}

export interface EjectionSnapshot {
  readonly signal: string;
  /** `answers`: they failed or were slow. `unreachable`: there were none. */
  readonly grounds: string;
  readonly forMs: number;
  /** Until it may be probed; 0 where that time has come. */
  readonly endsInMs: number;
}

/** What calls came to since they are counted, and lately. */
export interface CallSnapshot extends Readonly<Record<WindowName, WindowSnapshot>> {
  readonly outcomes: Readonly<Record<OutcomeName, number>>;
  /** All of them. */
  readonly total: number;
  /** Failures, failures to connect, and timeouts. */
  readonly failures: number;
  /** Of those that were timed. */
  readonly timed: { readonly count: number; readonly sumMs: number };
}

/** Calls that ended within a window: it reaches back between half of its length and all of it. */
export interface WindowSnapshot {
  /** How far it reaches back now. */
  readonly overMs: number;
  readonly calls: number;
  readonly failures: number;
  readonly callsPerSecond: number | null;
  /** Share of the calls that failed, 0 to 1; null without calls. Cancelled ones do not count. */
  readonly failureRatio: number | null;
  readonly meanMs: number | null;
  /** Half of the calls took no longer, within 4 %; and so on. */
  readonly p50Ms: number | null;
  readonly p90Ms: number | null;
  readonly p99Ms: number | null;
  readonly p999Ms: number | null;
}

/** What an adapter made over a mesh: a pool, a client. */
export interface PartSnapshot {
  readonly kind: string;
  readonly name: string;
  /** Empty where it has none. */
  readonly figures: Readonly<Record<string, number>>;
}
