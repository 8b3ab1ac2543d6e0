import type { Json } from './merge-patch.js';

/**
 * Contract: what the page and the command show, as `GET api/state` answers it and `api/stream`
 * keeps it up to date. Times `…AtMs`, `…SinceMs` and `…UntilMs` are of the calendar; what is not
 * known is left out, never null. Figures are of the last 10 seconds unless they say otherwise.
 */
export interface AdminState {
  readonly atMs: number;
  readonly process: { readonly pid: number; readonly node: string; readonly startedAtMs: number };
  /** Whether changes are possible at all: there is a token. */
  readonly writable: boolean;
  readonly services: Readonly<Record<string, AdminService>>;
  /** What adapters made over the mesh, by `kind name`. */
  readonly parts: Readonly<Record<string, AdminPart>>;
  /** By `rule subject`; absent without a monitor. */
  readonly alerts?: Readonly<Record<string, AdminAlert>>;
  /** Those that hold, by their ids; absent without a monitor. */
  readonly silences?: Readonly<Record<string, AdminSilence>>;
  readonly health?: 'ready' | 'degraded' | 'down';
  /** Absent without a store. By number, the latest the highest. */
  readonly config?: { readonly versions: Readonly<Record<string, AdminVersion>> };
  /** The latest, by a number that grows. */
  readonly events: Readonly<Record<string, AdminEvent>>;
}

export interface AdminService {
  readonly policy: string;
  readonly closed: boolean;
  readonly removed?: string;
  readonly panic: boolean;
  readonly ready: number;
  readonly source: string;
  /** When the list of endpoints was last confirmed. */
  readonly seenAtMs?: number;
  readonly listVersion: string;
  readonly discoveryError?: string;
  readonly inflight: number;
  /** Since calls are counted. */
  readonly calls: number;
  readonly failures: number;
  readonly rate: number;
  /** 0 to 1. */
  readonly failureRatio?: number;
  readonly p50Ms?: number;
  readonly p90Ms?: number;
  readonly p99Ms?: number;
  readonly p999Ms?: number;
  /** Of the last second, for charts. */
  readonly now: {
    readonly rate: number;
    readonly failureRatio?: number;
    readonly p50Ms?: number;
    readonly p90Ms?: number;
    readonly p99Ms?: number;
  };
  readonly retries: number;
  readonly hedges: number;
  readonly refused: number;
  /** By the signal that asked. */
  readonly ejections: Readonly<Record<string, number>>;
  readonly split?: AdminSplit;
  readonly endpoints: Readonly<Record<string, AdminEndpoint>>;
}

export interface AdminSplit {
  readonly arms: Readonly<Record<string, { readonly share: number; readonly calls: number; readonly errors: number }>>;
  readonly lanes?: Readonly<Record<string, { readonly calls: number; readonly spilled: number }>>;
  readonly shadow?: Json;
  readonly canary?: Json;
}

export interface AdminEndpoint {
  readonly address: string;
  readonly zone: string;
  readonly priority: number;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, string>>;
  /** As discovery reports it. */
  readonly weight: number;
  /** As it counts now. */
  readonly effectiveWeight: number;
  readonly state: string;
  readonly listed: boolean;
  readonly reason?: string;
  readonly stateSinceMs: number;
  /** Until the ejection, or what was done by hand, is over. */
  readonly stateUntilMs?: number;
  readonly ejections: number;
  readonly inflight: number;
  readonly ewmaMs?: number;
  readonly calls: number;
  readonly failures: number;
  readonly rate: number;
  readonly failureRatio?: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  /** What was done to it by hand. */
  readonly hold?: { readonly how: 'drain' | 'eject'; readonly by: string; readonly reason: string };
}

export interface AdminPart {
  readonly kind: string;
  readonly name: string;
  readonly figures: Readonly<Record<string, number>>;
  /** What it looks like, where it says more than numbers: servers and roles, shards and states. */
  readonly topology?: Json;
  /** What `GET api/explain?part=…` takes, where it can say what it would do with something. */
  readonly asks?: { readonly fields: readonly string[]; readonly headers: boolean };
}

export interface AdminAlert {
  readonly rule: string;
  readonly severity: string;
  readonly subject: string;
  readonly text: string;
  readonly sinceMs: number;
  readonly silenced: boolean;
}

export interface AdminSilence {
  readonly rule?: string;
  readonly subject?: string;
  readonly by?: string;
  readonly reason?: string;
  readonly untilMs: number;
}

export interface AdminVersion {
  readonly hash: string;
  readonly author: string;
  readonly atMs: number;
  readonly source: string;
  /** How many paths it changed. */
  readonly changes: number;
}

export interface AdminEvent {
  readonly atMs: number;
  readonly level: 'info' | 'warn' | 'error';
  /** The service, or what else it is about. */
  readonly subject: string;
  readonly endpoint?: string;
  readonly text: string;
}
