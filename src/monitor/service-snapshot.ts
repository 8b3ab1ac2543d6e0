import { Extra } from '../endpoint/call-meter.js';
import { addressOf, type Endpoint } from '../endpoint/endpoint.js';
import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import type { Router } from '../picking/router.js';
import { withoutCredentials } from '../runtime/options.js';
import type { Unreachable } from '../service/mesh-part.js';
import type { LiveService } from '../service/service.js';
import { Windows } from '../telemetry/windows.js';
import { callSnapshot } from './call-snapshot.js';
import type { FollowedService } from './followed-service.js';
import type { EjectionSnapshot, EndpointSnapshot, ServiceSnapshot } from './snapshot.js';

/** What somebody else says is not longer in a snapshot. */
const MAX_TEXT = 300;

/** One service as plain values. O(endpoints): some microseconds each. */
export function serviceSnapshot(
  service: LiveService,
  followed: FollowedService | undefined,
  unreachable: ReadonlyMap<Endpoint, Unreachable>,
): ServiceSnapshot {
  const nowMs = service.clock.now();
  const { name, meter, discovery, callStats, closed, source } = service;
  const { members, view } = service.inner;
  const metered = meter.endpoints;
  const endpointSnapshot = (endpoint: LiveEndpoint, listed: boolean): EndpointSnapshot => {
    const { spec } = endpoint;
    // What calls, checks or discovery say of it is the graver reason.
    const away = endpoint.state === 'ready' ? unreachable.get(endpoint) : undefined;
    const windows = metered.get(endpoint)?.windows;
    const term = members.ejection.termOf(endpoint);
    const ejection: EjectionSnapshot | null =
      term === undefined
        ? null
        : {
            signal: term.signal,
            grounds: term.grounds,
            forMs: nowMs - term.sinceMs,
            endsInMs: Math.max(0, term.untilMs - nowMs),
          };
    return {
      id: spec.id,
      address: addressOf(spec),
      zone: spec.zone,
      priority: spec.priority,
      tags: spec.tags,
      meta: spec.meta,
      configuredWeight: spec.weight,
      weight: endpoint.weight,
      state: away === undefined ? endpoint.state : 'unhealthy',
      listed,
      reason:
        away === undefined
          ? reasonOf(endpoint, ejection, members.holds.has(spec.id))
          : `not connected: ${plainText(away.reason)}`,
      forMs: nowMs - (away?.sinceMs ?? followed?.sinceMs(endpoint, nowMs) ?? nowMs),
      ejection,
      ejections: endpoint.ejections,
      inflight: endpoint.inflight,
      retries: extra(endpoint, Extra.retries),
      hedges: extra(endpoint, Extra.hedges),
      refused: extra(endpoint, Extra.refused),
      sentBytes: extra(endpoint, Extra.sentBytes),
      receivedBytes: extra(endpoint, Extra.receivedBytes),
      ewmaMs: Number.isNaN(endpoint.latencyMs) ? null : endpoint.latencyMs,
      calls: windows === undefined ? null : callSnapshot(windows, nowMs),
    };
  };
  const listed = new Set(members.all);
  const left = new Set([...members.draining, ...metered.keys()].filter((endpoint) => !listed.has(endpoint)));
  return {
    name,
    policy: view.policyName,
    closed,
    removed: service.removed ?? null,
    discovery: {
      source,
      ageMs: Number.isFinite(discovery.ageMs) ? discovery.ageMs : null,
      version: discovery.version,
      error: discovery.error === undefined ? null : textOf(discovery.error),
    },
    panic: view.rotation.panic,
    ready: openOf(
      service.router,
      view.rotation.ready.filter((endpoint) => !unreachable.has(endpoint)),
    ),
    measuredForMs: meter.on ? nowMs - meter.sinceMs : null,
    calls: callSnapshot(meter.windows ?? new Windows(meter.total, nowMs), nowMs),
    repeats: { ...callStats },
    oddities: service.views.oddities.read(),
    ejections: Object.fromEntries(followed?.ejections ?? []),
    endpoints: [
      ...members.all.map((endpoint) => endpointSnapshot(endpoint, true)),
      ...[...left].map((endpoint) => endpointSnapshot(endpoint, false)),
    ],
  };
}

const extra = ({ meter }: LiveEndpoint, which: number): number => meter?.extras[which] ?? 0;

/** How many of them calls of no lane may reach. */
function openOf(router: Router | undefined, ready: readonly Endpoint[]): number {
  return router === undefined ? ready.length : ready.filter((endpoint) => router.isOpen(endpoint)).length;
}

/** The gravest of what speaks against it, as its state is. */
function reasonOf(
  { state, spec, failing }: LiveEndpoint,
  ejection: EjectionSnapshot | null,
  held: boolean,
): string | null {
  if (state === 'ready') return null;
  if (state === 'draining') return 'left discovery';
  if (state !== 'unhealthy') return ejection?.signal ?? null;
  if (held) return 'drained by hand';
  if (spec.healthy === false) return 'listed as unhealthy';
  if (failing === undefined) return 'not yet checked';
  return failing.reason === undefined ? failing.check : `${failing.check}: ${textOf(failing.reason)}`;
}

/** Errors of others may be long, and hold the address they came from with what logs in there. */
function textOf(error: Error): string {
  return plainText(String(error.message));
}

function plainText(text: string): string {
  return withoutCredentials(text).slice(0, MAX_TEXT);
}
