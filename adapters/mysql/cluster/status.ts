import { addressOf, type Endpoint, type EndpointState, type Service } from '../../../src/index.js';
import type { EndpointPool } from '../connections/endpoint-pool.js';
import type { Roles } from './roles.js';
import type { ClusterServer } from './server.js';

/** What is known of one server, and what it is used for. */
export interface ServerStatus {
  readonly id: string;
  /** `host:port`. */
  readonly address: string;
  readonly role: 'primary' | 'replica' | 'unknown';
  /** Of its endpoint in the service: `ready`, `unhealthy`, `ejected`, … */
  readonly state: EndpointState;
  /**
   * How far behind the primary as of the latest look, milliseconds; 0 for the primary. Infinity
   * where it was never seen to have what the primary has, NaN where there is nothing to be behind
   * of or nothing to tell it by.
   */
  readonly lagMs: number;
  /** Its GTID position as of the latest look; '' where unknown. */
  readonly position: string;
  /** How long ago the latest look that was answered began, milliseconds; NaN where none was. */
  readonly seenAgoMs: number;
  /**
   * Between two looks at it now, milliseconds: `probeIntervalMs`, more where many processes look at
   * it, less where another pool of the mesh asks for it.
   */
  readonly probeEveryMs: number;
  /** Whether writes go there now. */
  readonly written: boolean;
  /** Whether reads that may choose go there now. */
  readonly read: boolean;
  /** Why it is not read from, or not written to where it is the primary; '' where neither is so. */
  readonly reason: string;
  /** What the latest look at it failed with; undefined where it was answered. */
  readonly error: unknown;
  readonly connections: EndpointPool['stats'];
}

/** What a pool knows of its servers, and where its statements go. */
export interface PoolStatus {
  readonly service: string;
  /** The id of the server that writes go to; undefined where there is none. */
  readonly primary: string | undefined;
  /** Ids of those that reads go to: the primary's where no replica serves them. */
  readonly readsGoTo: readonly string[];
  /** Why, in a sentence. */
  readonly why: string;
  readonly servers: readonly ServerStatus[];
}

export interface StatusContext {
  readonly service: Service;
  readonly roles: Roles;
  readonly servers: Iterable<ClusterServer>;
  readonly primary: Endpoint | undefined;
  readonly replicas: readonly Endpoint[];
  readonly nowMs: number;
}

export function statusOf(context: StatusContext): PoolStatus {
  const { service, primary, replicas } = context;
  const servers = [...context.servers].map((server) => serverStatus(server, context));
  const readers = replicas.length > 0 ? replicas : primary === undefined ? [] : [primary];
  return {
    service: service.name,
    primary: primary?.spec.id,
    readsGoTo: readers.map(({ spec }) => spec.id),
    why: why(servers, replicas.length > 0, primary),
    servers,
  };
}

/**
 * What of it an observer would want to hear of: roles, and where statements go; not the lag, which
 * changes all the time.
 */
export function signatureOf({ servers, primary, replicas, roles }: StatusContext): string {
  let signature = '';
  for (const { endpoint } of servers) {
    const read = replicas.includes(endpoint) ? 'r' : '';
    const written = endpoint === primary ? 'w' : '';
    signature += `${endpoint.spec.id} ${roles.replication.stateOf(endpoint).role} ${read}${written}\n`;
  }
  return signature;
}

function serverStatus({ endpoint, pool, prober, probeError }: ClusterServer, context: StatusContext): ServerStatus {
  const { roles, primary, replicas, nowMs } = context;
  const { role, lagMs, probe } = roles.replication.stateOf(endpoint);
  const read = replicas.includes(endpoint);
  const written = endpoint === primary;
  const { spec, state } = endpoint;
  return {
    id: spec.id,
    address: addressOf(spec),
    role,
    state,
    lagMs,
    position: probe?.positionText ?? '',
    seenAgoMs: probe === undefined ? Number.NaN : nowMs - probe.atMs,
    probeEveryMs: prober.everyMs,
    written,
    read,
    reason: reasonOf(endpoint, roles, read, written),
    error: probeError,
    connections: pool.stats,
  };
}

function reasonOf(endpoint: Endpoint, roles: Roles, read: boolean, written: boolean): string {
  if (read) return '';
  const isPrimary = roles.replication.stateOf(endpoint).role === 'primary';
  const bar = isPrimary && !written ? roles.whyNotWritten(endpoint) : roles.whyNotRead(endpoint);
  if (bar !== undefined) return bar;
  return endpoint.spec.healthy === false ? 'its registry says that it is unhealthy' : `it is ${endpoint.state}`;
}

function why(servers: readonly ServerStatus[], byReplicas: boolean, primary: Endpoint | undefined): string {
  const left = servers.filter(({ role, read }) => role !== 'primary' && !read);
  const reasons = left.map(({ id, reason }) => `${id}: ${reason}`).join('; ');
  if (byReplicas) return `replicas serve reads${reasons === '' ? '' : `, but not ${reasons}`}`;
  const nobody = reasons === '' ? 'there is no replica' : `no replica serves reads (${reasons})`;
  return primary === undefined ? `${nobody}, and no primary is known` : `${nobody}: the primary does`;
}
