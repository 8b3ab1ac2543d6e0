import type { MeshPart } from '../../../src/adapter.js';
import { type EndpointHold, endpointControl, type Mesh, type Service } from '../../../src/index.js';
import type { EndpointSnapshot, MeshFigures, ServiceSnapshot } from '../../../src/monitor/index.js';
import { canaryOf, routingOf } from '../../../src/routing/index.js';
import type { AdminSettings } from '../options.js';
import type { AdminEndpoint, AdminService, AdminSplit, AdminState } from './admin-state.js';
import type { EventLog } from './event-log.js';
import type { Json } from './merge-patch.js';
import { named, partKey } from './named.js';
import { compact, plain, rounded, shortened } from './plain.js';

/** Two readings of one moment differ by what lies between two looks at the clock. */
const STEADY_MS = 2_000;
const HEALTH_MS = 3_000;

type Times = Map<string, number>;

/** Makes the state out of the figures of a mesh. */
export class StateReader {
  readonly #mesh: Mesh;
  readonly #settings: AdminSettings;
  readonly #log: EventLog;
  readonly #startedAtMs: number;
  /** Moments as they were told last: told otherwise, they would be news with every look. */
  #told: Times = new Map();
  #telling: Times = new Map();
  #health: AdminState['health'];
  #healthAtMs = 0;

  constructor(mesh: Mesh, settings: AdminSettings, log: EventLog) {
    this.#mesh = mesh;
    this.#settings = settings;
    this.#log = log;
    this.#startedAtMs = Math.round(mesh.clock.wallMs() - process.uptime() * 1_000);
  }

  read(figures: MeshFigures): AdminState {
    const snapshot = figures.read();
    const { atMs, services, parts } = snapshot;
    // In the same order, of the same moment.
    const own = [...this.#mesh.parts];
    this.#telling = new Map();
    const state: AdminState = compact({
      atMs,
      process: { pid: process.pid, node: process.version, startedAtMs: this.#startedAtMs },
      writable: this.#settings.token !== undefined,
      services: named(services, (service) => [service.name, this.#service(service, atMs)]),
      parts: named(parts, ({ kind, name, figures: numbers }, at) => {
        const topology = topologyOf(own[at]);
        const explains = own[at]?.explains;
        const asks = explains && { fields: [...explains.fields], headers: explains.takesHeaders };
        const read = plain(numbers) as Record<string, number>;
        return [partKey(kind, name), compact({ kind, name: shortened(name), figures: read, topology, asks })];
      }),
      ...this.#monitored(),
      config: this.#versions(),
      events: this.#log.events,
    }) as AdminState;
    this.#told = this.#telling;
    return state;
  }

  #service(snapshot: ServiceSnapshot, atMs: number): AdminService {
    const { name, policy, closed, removed, panic, ready, discovery, calls, repeats, ejections } = snapshot;
    const live = this.#mesh.services.get(name)!;
    const nowMs = this.#mesh.clock.now();
    const holds = new Map(endpointControl(live).holds.map((hold) => [hold.id, hold]));
    const since = new Map(
      live.endpoints.map((endpoint) => [endpoint.spec.id, [endpoint.state, this.#log.sinceMs(endpoint)] as const]),
    );
    const { last1s, last10s } = calls;
    return compact({
      policy,
      closed,
      removed,
      panic,
      ready,
      source: shortened(discovery.source),
      seenAtMs: this.#steady(`${name}\0seen`, discovery.ageMs === null ? undefined : atMs - discovery.ageMs),
      listVersion: shortened(discovery.version),
      discoveryError: discovery.error === null ? undefined : shortened(discovery.error),
      inflight: snapshot.endpoints.reduce((sum, { inflight }) => sum + inflight, 0),
      calls: calls.total,
      failures: calls.failures,
      rate: rounded(last10s.callsPerSecond) ?? 0,
      failureRatio: rounded(last10s.failureRatio),
      p50Ms: rounded(last10s.p50Ms),
      p90Ms: rounded(last10s.p90Ms),
      p99Ms: rounded(last10s.p99Ms),
      p999Ms: rounded(last10s.p999Ms),
      now: compact({
        rate: rounded(last1s.callsPerSecond) ?? 0,
        failureRatio: rounded(last1s.failureRatio),
        p50Ms: rounded(last1s.p50Ms),
        p90Ms: rounded(last1s.p90Ms),
        p99Ms: rounded(last1s.p99Ms),
      }),
      retries: repeats.retries,
      hedges: repeats.hedges,
      refused: repeats.refused,
      ejections,
      split: this.#split(live),
      endpoints: named(snapshot.endpoints, (endpoint) => {
        const [state, sinceMs] = since.get(endpoint.id) ?? [];
        // The log does not hear of connections.
        const isLogged = sinceMs !== undefined && endpoint.listed && endpoint.state === state;
        const forMs = isLogged ? nowMs - sinceMs : endpoint.forMs;
        return [endpoint.id, this.#endpoint(name, endpoint, { atMs, nowMs, forMs }, holds.get(endpoint.id))];
      }),
    }) as AdminService;
  }

  #endpoint(
    service: string,
    endpoint: EndpointSnapshot,
    times: { readonly atMs: number; readonly nowMs: number; readonly forMs: number },
    hold: EndpointHold | undefined,
  ): AdminEndpoint {
    const { id, ejection, calls } = endpoint;
    const { atMs, nowMs, forMs } = times;
    const key = `${service}\0${id}`;
    const held = hold?.how === 'drain' ? atMs + hold.untilMs - nowMs : undefined;
    const ejected = ejection === null || ejection.endsInMs === 0 ? undefined : atMs + ejection.endsInMs;
    const lately = calls?.last10s;
    return compact({
      address: endpoint.address,
      zone: shortened(endpoint.zone),
      priority: endpoint.priority,
      tags: plain(endpoint.tags) as string[],
      meta: plain(endpoint.meta) as Record<string, string>,
      weight: rounded(endpoint.configuredWeight)!,
      effectiveWeight: rounded(endpoint.weight)!,
      state: endpoint.state,
      listed: endpoint.listed,
      reason: endpoint.reason === null ? undefined : shortened(endpoint.reason),
      stateSinceMs: this.#steady(`${key}\0since`, atMs - forMs)!,
      stateUntilMs: this.#steady(`${key}\0until`, held ?? ejected),
      ejections: endpoint.ejections,
      inflight: endpoint.inflight,
      ewmaMs: rounded(endpoint.ewmaMs),
      calls: calls?.total ?? 0,
      failures: calls?.failures ?? 0,
      rate: rounded(lately?.callsPerSecond) ?? 0,
      failureRatio: rounded(lately?.failureRatio),
      p50Ms: rounded(lately?.p50Ms),
      p99Ms: rounded(lately?.p99Ms),
      hold: hold && { how: hold.how, by: shortened(hold.by), reason: shortened(hold.reason) },
    }) as AdminEndpoint;
  }

  #split(service: Service): AdminSplit | undefined {
    const routing = routingOf(service);
    if (routing === undefined) return undefined;
    const { arms, lanes, shadow } = routing.status;
    return compact({
      arms: named(Object.entries(arms), ([name, { share, calls, errors }]) => [name, { share, calls, errors }]),
      lanes: Object.keys(lanes).length === 0 ? undefined : (plain(lanes) as AdminSplit['lanes']),
      shadow: plain(shadow),
      canary: plain(canaryOf(routing)?.status),
    }) as AdminSplit;
  }

  #monitored(): Pick<AdminState, 'alerts' | 'silences' | 'health'> {
    const { monitor } = this.#settings;
    if (monitor === undefined) return {};
    const alerts = named(monitor.alerts, ({ rule, severity, subject, text, sinceMs, silenced }) => [
      `${rule} ${subject}`,
      { rule, severity, subject: shortened(subject), text: shortened(text), sinceMs, silenced },
    ]);
    // It reads all figures once more.
    const nowMs = this.#mesh.clock.now();
    if (this.#health === undefined || nowMs - this.#healthAtMs >= HEALTH_MS) {
      this.#health = monitor.health().status;
      this.#healthAtMs = nowMs;
    }
    const silences = named(monitor.silences, ({ id, rule, subject, by, reason, untilMs }) => [
      String(id),
      compact({
        rule,
        subject: subject === undefined ? undefined : shortened(subject),
        by: by === undefined ? undefined : shortened(by),
        reason: reason === undefined ? undefined : shortened(reason),
        untilMs: this.#steady(`silence ${id}`, untilMs)!,
      }),
    ]);
    return { alerts, silences, health: this.#health };
  }

  #versions(): AdminState['config'] {
    const { config } = this.#settings;
    if (config === undefined) return undefined;
    return {
      versions: named(config.versions, ({ number, hash, author, atMs, source, changes }) => [
        String(number),
        { hash, author: shortened(author), atMs, source: shortened(source), changes: changes.length },
      ]),
    };
  }

  #steady(key: string, atMs: number | undefined): number | undefined {
    if (atMs === undefined) return undefined;
    const told = this.#told.get(key);
    const steady = told !== undefined && Math.abs(told - atMs) < STEADY_MS ? told : Math.round(atMs);
    this.#telling.set(key, steady);
    return steady;
  }
}

function topologyOf(part: MeshPart | undefined): Json | undefined {
  try {
    return plain(part?.topology?.());
  } catch {
    // It is as if it had none: what is wrong with it is seen where it is used.
    return undefined;
  }
}
