import type { EndpointSpec } from '../../endpoint/endpoint.js';

/** How entries become endpoints: the part of a query that is ours, not Consul's. */
export interface EntryOptions {
  readonly passingOnly: boolean;
  readonly zoneKey: string;
  readonly addressTag: string | undefined;
}

/**
 * An element of `/v1/health/service/:service`, as far as we read it. Nothing in it is sure before
 * it was looked at.
 */
interface HealthEntry {
  readonly Node?: {
    readonly Node?: unknown;
    readonly Address?: unknown;
    readonly Meta?: Readonly<Record<string, unknown>> | null;
    readonly TaggedAddresses?: Readonly<Record<string, unknown>> | null;
    readonly Locality?: { readonly Zone?: unknown } | null;
  };
  readonly Service?: {
    readonly ID?: unknown;
    readonly Address?: unknown;
    readonly Port?: unknown;
    readonly Tags?: unknown;
    readonly Meta?: Readonly<Record<string, unknown>> | null;
    readonly Weights?: { readonly Passing?: unknown; readonly Warning?: unknown } | null;
    readonly TaggedAddresses?: Readonly<
      Record<string, { readonly Address?: unknown; readonly Port?: unknown } | undefined>
    > | null;
    readonly Locality?: { readonly Zone?: unknown } | null;
  };
  readonly Checks?: readonly { readonly Status?: unknown }[] | null;
}

/** An instance that may serve, and the node it is on. */
export interface Listed {
  readonly spec: EndpointSpec;
  readonly node: string;
}

/**
 * The endpoint an entry stands for; undefined where it may not serve: a check is critical (which is
 * also what maintenance mode looks like, on a service or a node), it is warning with a warning
 * weight of 0, or `passingOnly` asks for better. Throws when it is no entry at all.
 */
export function readEntry(bytes: Buffer, options: EntryOptions): Listed | undefined {
  const entry = JSON.parse(bytes.toString('utf8')) as HealthEntry;
  const { Node: node, Service: service, Checks: checks } = entry;
  if (typeof node !== 'object' || typeof service !== 'object' || node === null || service === null) {
    throw new Error('the answer is no list of instances: an element has no Node or no Service');
  }
  const status = worstStatus(checks ?? []);
  if (status === 'critical' || (status === 'warning' && options.passingOnly)) return undefined;
  const weight = readWeight(status === 'warning' ? service.Weights?.Warning : service.Weights?.Passing);
  if (weight === 0) return undefined;
  const [host, port] = readAddress(node, service, options.addressTag);
  return {
    node: text(node.Node),
    spec: {
      id: text(service.ID),
      host,
      port,
      weight,
      priority: 0,
      zone: readZone(node, service, options.zoneKey),
      tags: Array.isArray(service.Tags) ? service.Tags.filter((tag) => typeof tag === 'string') : [],
      meta: readMeta(service.Meta ?? {}),
    },
  };
}

function worstStatus(checks: readonly { readonly Status?: unknown }[]): 'passing' | 'warning' | 'critical' {
  let worst: 'passing' | 'warning' = 'passing';
  for (const check of checks) {
    // A status that is neither of these is one we do not know: not a reason to send calls there.
    if (check?.Status === 'warning') worst = 'warning';
    else if (check?.Status !== 'passing') return 'critical';
  }
  return worst;
}

/** Agents before 1.2.3 tell no weights; theirs is 1. */
function readWeight(weight: unknown): number {
  return typeof weight === 'number' && weight >= 0 ? weight : 1;
}

type Node = NonNullable<HealthEntry['Node']>;
type Service = NonNullable<HealthEntry['Service']>;

/** A tagged address where one is asked for and known, else the service's own, else its node's. */
function readAddress(node: Node, service: Service, tag: string | undefined): readonly [host: string, port: number] {
  const tagged = tag === undefined ? undefined : service.TaggedAddresses?.[tag];
  const nodeTagged = tag === undefined ? undefined : node.TaggedAddresses?.[tag];
  const host = text(tagged?.Address) || text(service.Address) || text(nodeTagged) || text(node.Address);
  const port = typeof tagged?.Port === 'number' && tagged.Port > 0 ? tagged.Port : service.Port;
  return [host.replace(/^\[(.*)\]$/, '$1'), typeof port === 'number' ? port : 0];
}

/** The service knows best, then its node; Consul 1.17 and later have fields of their own for it. */
function readZone(node: Node, service: Service, key: string): string {
  return (
    text(service.Meta?.[key]) || text(node.Meta?.[key]) || text(service.Locality?.Zone) || text(node.Locality?.Zone)
  );
}

function readMeta(meta: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  for (const key of Object.keys(meta)) {
    if (typeof meta[key] !== 'string') {
      return Object.fromEntries(
        Object.entries(meta).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
      );
    }
  }
  return meta as Readonly<Record<string, string>>;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
