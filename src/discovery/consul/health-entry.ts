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
  readonly Checks?: unknown;
}

/** An element that stands for no instance. */
export class UnreadableEntry extends Error {}

/** An instance, and the node it is on. */
export interface Listed {
  readonly spec: EndpointSpec;
  readonly node: string;
}

/**
 * The endpoint an entry stands for. It is listed as not healthy where it may not serve: a check is
 * critical (which is also what maintenance mode looks like, on a service or a node), it is warning
 * with a warning weight of 0, or `passingOnly` asks for better. Throws an UnreadableEntry when it
 * is not an entry at all.
 */
export function readEntry(bytes: Buffer, options: EntryOptions): Listed {
  const entry = JSON.parse(bytes.toString('utf8')) as HealthEntry | null;
  const { Node: node, Service: service, Checks: checks } = entry ?? {};
  if (typeof node !== 'object' || typeof service !== 'object' || node === null || service === null) {
    throw new UnreadableEntry('an element has no Node or no Service');
  }
  const status = worstStatus(checks);
  const passing = readWeight(service.Weights?.Passing);
  const registered = passing || 1;
  const weight = status === 'warning' ? readWeight(service.Weights?.Warning) : passing;
  const healthy = status !== 'critical' && weight > 0 && !(status === 'warning' && options.passingOnly);
  const [host, port] = readAddress(node, service, options.addressTag);
  return {
    node: text(node.Node),
    spec: {
      id: text(service.ID),
      host,
      port,
      // That of one that is not healthy counts where data is placed, and nowhere else.
      weight: healthy ? weight : registered,
      priority: 0,
      zone: readZone(node, service, options.zoneKey),
      tags: Array.isArray(service.Tags) ? service.Tags.filter((tag) => typeof tag === 'string') : [],
      meta: readMeta(service.Meta ?? {}),
      ...(healthy ? weight !== registered && { registeredWeight: registered } : { healthy }),
    },
  };
}

/** None at all is what an instance without checks has. */
function worstStatus(checks: unknown): 'passing' | 'warning' | 'critical' {
  if (checks === undefined || checks === null) return 'passing';
  // What we cannot read is not a reason to send calls there: no list of checks, or a status that is
  // neither of these.
  if (!Array.isArray(checks)) return 'critical';
  let worst: 'passing' | 'warning' = 'passing';
  for (const check of checks as readonly ({ readonly Status?: unknown } | null)[]) {
    if (check?.Status === 'warning') worst = 'warning';
    else if (check?.Status !== 'passing') return 'critical';
  }
  return worst;
}

/** Agents before 1.2.3 report no weights; theirs is 1. */
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
