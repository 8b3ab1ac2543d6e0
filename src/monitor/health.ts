import type { Alert } from './alert.js';
import type { MeshSnapshot, ServiceSnapshot } from './snapshot.js';

/** `degraded`: it works, and something is wrong with it. `down`: calls fail. */
export type HealthStatus = 'ready' | 'degraded' | 'down';

export interface SubjectHealth {
  /** A service, a part of an adapter (`mysql orders`), or `mesh` while it closes. */
  readonly name: string;
  readonly status: HealthStatus;
  /** Why it is not ready. */
  readonly reason: string | null;
}

/** For readiness probes: answer 503 where `status` is `down`. */
export interface MeshHealth {
  /** The gravest of those that are needed. */
  readonly status: HealthStatus;
  /** In the order of their names; then the parts that alerts are about. */
  readonly subjects: readonly SubjectHealth[];
}

const GRAVITY: readonly HealthStatus[] = ['ready', 'degraded', 'down'];

/** `needs`: the services that count; undefined for all that were made and are not removed. */
export function meshHealth(
  { services }: MeshSnapshot,
  alerts: readonly Alert[],
  needs: readonly string[] | undefined,
): MeshHealth {
  const counted = services.filter(({ name, removed }) => removed === null || needs?.includes(name));
  const subjects = counted.map((service) => serviceHealth(service, alerts));
  const names = new Set(services.map(({ name }) => name));
  for (const name of needs ?? []) {
    if (!names.has(name)) subjects.push({ name, status: 'down', reason: 'it was not made yet' });
    names.add(name);
  }
  for (const { subject, text } of alerts) {
    if (names.has(subject)) continue;
    names.add(subject);
    // Part of it works, or its service would be down.
    subjects.push({ name: subject, status: 'degraded', reason: text });
  }
  const needed = needs === undefined ? subjects : subjects.filter(({ name }) => needs.includes(name));
  const worst = Math.max(0, ...needed.map(({ status }) => GRAVITY.indexOf(status)));
  return { status: GRAVITY[worst]!, subjects };
}

/** Whatever its services are like: a process that ends wants no new work. */
export function whileDraining({ subjects }: MeshHealth): MeshHealth {
  return { status: 'down', subjects: [{ name: 'mesh', status: 'down', reason: 'the mesh is closing' }, ...subjects] };
}

function serviceHealth(service: ServiceSnapshot, alerts: readonly Alert[]): SubjectHealth {
  const { name, ready, closed, removed, panic, discovery, endpoints } = service;
  if (closed) return { name, status: 'down', reason: 'it is closed' };
  if (removed !== null) return { name, status: 'down', reason: removed };
  if (ready === 0) return { name, status: 'down', reason: whyEmpty(service) };
  if (panic) return { name, status: 'degraded', reason: 'so few endpoints are healthy that health is ignored' };
  const alert = alerts.find(({ subject }) => subject === name);
  if (alert !== undefined) return { name, status: 'degraded', reason: alert.text };
  const listed = endpoints.filter((endpoint) => endpoint.listed).length;
  if (ready === 1 && listed > 1) return { name, status: 'degraded', reason: `one of ${listed} endpoints is usable` };
  if (discovery.error !== null && discovery.ageMs === null) {
    return { name, status: 'degraded', reason: `discovery fails: ${discovery.error}` };
  }
  return { name, status: 'ready', reason: null };
}

function whyEmpty({ endpoints, discovery }: ServiceSnapshot): string {
  if (discovery.error !== null) return `no endpoint, and discovery fails: ${discovery.error}`;
  if (discovery.ageMs === null) return 'discovery has not answered yet';
  const listed = endpoints.filter((endpoint) => endpoint.listed);
  if (listed.length === 0) return 'discovery lists no endpoint';
  if (listed.every(({ state }) => state === 'ready')) return `each of ${listed.length} endpoints is in a lane`;
  const reasons = [...new Set(listed.map(({ reason }) => reason ?? 'out of reach'))].slice(0, 3);
  return `none of ${listed.length} endpoints is usable: ${reasons.join('; ')}`;
}
