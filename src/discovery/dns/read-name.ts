import { addressOf, type EndpointSpec, MAX_WEIGHT } from '../../endpoint/endpoint.js';
import { toError } from '../../runtime/errors.js';
import { type AddressRecord, type DnsLookups, NoSuchName, type SrvRecord } from './lookups.js';

export type DnsRecords = 'a' | 'aaaa' | 'both' | 'srv';

export interface DnsQuery {
  /** Those with the same share a watch. */
  readonly key: string;
  readonly service: string;
  readonly name: string;
  readonly records: DnsRecords;
  /** Of address records, which have none. */
  readonly port: number;
}

/** What DNS says of a name. */
export interface DnsAnswer {
  /** Sorted: servers turn the order of their records with each answer. */
  readonly endpoints: readonly EndpointSpec[];
  /** Seconds until the first of the records is over; Infinity where none has a TTL. */
  readonly ttl: number;
  /** What went wrong of parts of it: these are as they were before. */
  readonly failures: readonly Error[];
}

/** Addresses of the targets of service records, as of the last time each was known. */
export type Targets = Map<string, readonly AddressRecord[]>;

/** RFC 2782: among others with a weight, one with 0 has a very small chance. */
const SMALLEST_WEIGHT = 0.01;

const LAST_PRIORITY = 127;

/** Rejects with a NoSuchName where DNS has no endpoint for it. */
export function readName(query: DnsQuery, lookups: DnsLookups, targets: Targets): Promise<DnsAnswer> {
  const { records } = query;
  return records === 'srv' ? readService(query, lookups, targets) : readAddresses(query, records, lookups);
}

async function readAddresses(
  { name, port }: DnsQuery,
  records: Exclude<DnsRecords, 'srv'>,
  lookups: DnsLookups,
): Promise<DnsAnswer> {
  const found = await addressesOf(name, records, lookups);
  const specs = found.map(({ address }) => specOf(address, port, {}));
  return { endpoints: sorted(specs), ttl: shortest(found), failures: [] };
}

/** Of both kinds one may be missing; where one gave no answer, neither is an answer. */
async function addressesOf(
  name: string,
  records: Exclude<DnsRecords, 'srv'>,
  lookups: DnsLookups,
): Promise<readonly AddressRecord[]> {
  if (records === 'a') return await lookups.a(name);
  if (records === 'aaaa') return await lookups.aaaa(name);
  const missing: NoSuchName[] = [];
  const orNone = (thrown: unknown): readonly AddressRecord[] => {
    if (!(thrown instanceof NoSuchName)) throw thrown;
    missing.push(thrown);
    return [];
  };
  const [v4, v6] = await Promise.all([lookups.a(name).catch(orNone), lookups.aaaa(name).catch(orNone)]);
  if (missing.length === 2) throw missing[0];
  return [...v4, ...v6];
}

async function readService({ name }: DnsQuery, lookups: DnsLookups, targets: Targets): Promise<DnsAnswer> {
  // A target '.', which node:dns shows as '', says that the service is not offered here.
  const records = (await lookups.srv(name)).filter((record) => record.name !== '' && record.name !== '.');
  if (records.length === 0) throw new NoSuchName(`'${name}' says that this service is not offered`);
  const failures: Error[] = [];
  const known = new Map<string, readonly AddressRecord[]>();
  await Promise.all(
    [...new Set(records.map((record) => record.name))].map(async (target) => {
      try {
        known.set(target, await addressesOf(target, 'both', lookups));
      } catch (thrown) {
        if (thrown instanceof NoSuchName) return;
        failures.push(toError(thrown));
        const before = targets.get(target);
        if (before !== undefined) known.set(target, before);
      }
    }),
  );
  targets.clear();
  for (const [target, addresses] of known) targets.set(target, addresses);
  // Nothing of it is known: that is a failure, and not an empty service.
  if (known.size === 0 && failures.length > 0) throw failures[0];
  return { endpoints: endpointsOf(records, known), ttl: shortest([...known.values()].flat()), failures };
}

/**
 * Of several addresses of a target each gets its share of the target's weight. Priorities become
 * their rank: fairlead has fewer of them than DNS, and only their order counts.
 */
function endpointsOf(records: readonly SrvRecord[], known: Targets): readonly EndpointSpec[] {
  const ranks = [...new Set(records.map(({ priority }) => priority))].sort((a, b) => a - b);
  const weighted = records.some(({ weight }) => weight > 0);
  const byId = new Map<string, EndpointSpec>();
  for (const { name, port, priority, weight } of records) {
    const addresses = known.get(name) ?? [];
    const whole = weighted ? Math.max(weight, SMALLEST_WEIGHT) : 1;
    for (const { address } of addresses) {
      if (port < 1) continue;
      const spec = specOf(address, port, {
        weight: Math.min(whole / addresses.length, MAX_WEIGHT),
        priority: Math.min(ranks.indexOf(priority), LAST_PRIORITY),
        meta: { target: name },
      });
      const twin = byId.get(spec.id);
      // Two records for one address: the one of the better priority.
      if (twin === undefined || spec.priority < twin.priority) byId.set(spec.id, spec);
    }
  }
  return sorted([...byId.values()]);
}

function specOf(host: string, port: number, more: Partial<EndpointSpec>): EndpointSpec {
  return { id: addressOf({ host, port }), host, port, weight: 1, priority: 0, zone: '', tags: [], meta: {}, ...more };
}

function sorted(specs: readonly EndpointSpec[]): readonly EndpointSpec[] {
  const byId = new Map(specs.map((spec) => [spec.id, spec]));
  return [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

function shortest(records: readonly AddressRecord[]): number {
  return Math.min(Number.POSITIVE_INFINITY, ...records.map(({ ttl }) => ttl));
}
