import { sessionHash } from '../affinity/store-key.js';
import type { Endpoint } from '../endpoint/endpoint.js';
import { addressOf } from '../endpoint/endpoint.js';
import { byId } from '../endpoint/list-before.js';
import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import type { AcquireRequest } from '../picking/lease.js';
import type { Router } from '../picking/router.js';
import type { View } from '../picking/view.js';
import type { ViewPreview } from '../picking/view-host.js';
import type { Guard } from '../resilience/guard.js';
import { refusalError } from '../resilience/refusal.js';
import type { Clock } from '../runtime/clock.js';
import { FairleadError } from '../runtime/errors.js';
import { hash32 } from '../runtime/hash.js';
import { type Random, seededRandom } from '../runtime/random.js';
import type { Candidate, Exclusion, Explanation } from './explanation.js';
import type { Members } from './members.js';
import type { ServiceViews } from './service-views.js';

/** What an explanation needs of a service. */
export interface ExplainHost {
  readonly name: string;
  readonly clock: Clock;
  readonly timed: boolean;
  readonly guard: Guard | undefined;
  readonly views: ServiceViews;
  readonly router: Router | undefined;
  readonly inner: { readonly members: Members };
}

/** As the search for an endpoint below its limit: it looks at no more either. */
const MAX_PICKS = 16;

/** A stream of random numbers for each service, beside its own. */
const streams = new WeakMap<ExplainHost, Random>();

/**
 * Runs a pick that changes nothing: no lease, no cursor, no session, no statistics, no draw of the
 * service's own. Throws FAIRLEAD_INVALID_OPTION for a key that is none. O(endpoints).
 */
export function explainPick(service: ExplainHost, view: View, request: AcquireRequest = {}): Explanation {
  const random = streamOf(service);
  const held = service.views.preview(view, request, random);
  let preview: ViewPreview | undefined;
  let refused: FairleadError | undefined;
  try {
    const reason = service.guard?.wouldRefuse();
    if (reason !== undefined) refused = refusalError(reason, service.name, 0);
    else preview = choose(service, held.view, request, random);
  } catch (thrown) {
    if (!(thrown instanceof FairleadError) || thrown.code === 'FAIRLEAD_INVALID_OPTION') throw thrown;
    refused = thrown;
  }
  const chosen = preview?.endpoint;
  const { key } = request;
  return {
    service: service.name,
    policy: held.view.policyName,
    key: key === undefined ? undefined : sessionHash(key),
    panic: held.view.rotation.panic,
    candidates: candidatesOf(service, view, held.view, request, chosen),
    drew: preview?.drew.map(({ spec }) => spec.id) ?? [],
    chosen: chosen?.spec.id,
    by: preview?.by,
    session: preview?.session && { state: preview.session.state, home: preview.session.home },
    split: held.part?.arm,
    spilledFrom: held.wanted === held.part ? undefined : held.wanted?.arm,
    lane: service.router?.carried(request)?.[1],
    refused: refused && { code: refused.code, message: refused.message },
  };
}

function streamOf(service: ExplainHost): Random {
  let random = streams.get(service);
  if (random === undefined) {
    random = seededRandom(hash32(service.name));
    streams.set(service, random);
  }
  return random;
}

/** The pick, and those that follow it while what it finds is at a limit of its own. */
function choose(service: ExplainHost, view: View, request: AcquireRequest, random: Random): ViewPreview {
  const { guard } = service;
  let preview = view.preview(request, random);
  if (guard === undefined) return preview;
  const refusing: Endpoint[] = [];
  const beside = request.beside === true || preview.session?.state === 'bound';
  const before = request.tried ?? [];
  while (preview.endpoint !== undefined) {
    const reason = guard.wouldRefuse(preview.endpoint);
    if (reason === undefined) break;
    if (refusing.includes(preview.endpoint) || refusing.length >= MAX_PICKS) {
      throw refusalError(reason, service.name, 0);
    }
    refusing.push(preview.endpoint);
    preview = view.preview({ ...request, tried: [...before, ...refusing], beside }, random);
  }
  return preview;
}

function candidatesOf(
  service: ExplainHost,
  whole: View,
  view: View,
  request: AcquireRequest,
  chosen: LiveEndpoint | undefined,
): Candidate[] {
  const { members } = service.inner;
  const left = leftOut(service, whole, view, request);
  const pick = { key: request.key, tried: request.tried, nowMs: service.timed ? service.clock.now() : Number.NaN };
  return inOrder(members).map((endpoint) => {
    const excluded = endpoint === chosen ? undefined : left(endpoint);
    const described = view.describe(endpoint, pick);
    const { id, zone, priority } = endpoint.spec;
    return {
      endpoint: id,
      address: addressOf(endpoint.spec),
      zone,
      priority,
      state: endpoint.state,
      excluded,
      cost: described?.cost,
      parts: known(described?.parts ?? { weight: endpoint.weight, inflight: endpoint.inflight }),
    };
  });
}

/** By id; of one id, that which is listed before those that drain. */
function inOrder({ all, draining }: Members): readonly LiveEndpoint[] {
  return draining.size === 0 ? all : [...all, ...draining].sort(byId);
}

/** Without what is not known yet. */
function known(parts: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => !Number.isNaN(value)));
}

/** Why an endpoint is left out; undefined where it is not. */
function leftOut(
  service: ExplainHost,
  whole: View,
  view: View,
  { tried }: AcquireRequest,
): (endpoint: LiveEndpoint) => Exclusion | undefined {
  const { guard } = service;
  const ready = new Set(view.rotation.ready);
  const reached = new Set(service.inner.members.reached);
  const priorities = new Set(view.rotation.groups.map(({ key }) => Number.parseInt(key, 10)));
  return (endpoint) => {
    const { state } = endpoint;
    if (ready.has(endpoint)) {
      if (tried?.includes(endpoint)) return 'tried';
      const limit = guard?.wouldRefuse(endpoint);
      if (limit !== undefined) return limit === 'circuit_open' ? 'breaker' : 'limit';
      return state === 'probing' && endpoint.probe !== undefined && !view.rotation.panic ? 'probing' : undefined;
    }
    if (state === 'draining') return 'draining';
    if (endpoint.uncheckedBy > 0) return 'unchecked';
    if (state === 'unhealthy') return 'unhealthy';
    if (!reached.has(endpoint)) return 'aperture';
    if (!whole.covers(endpoint)) return 'subset';
    if (!view.covers(endpoint)) return 'part';
    if (state !== 'ready') return state;
    return priorities.has(endpoint.spec.priority) ? 'zone' : 'priority';
  };
}
